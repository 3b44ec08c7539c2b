// Takes every recipient.
'use strict'

exports.hook_rcpt = (next) => next(OK)
