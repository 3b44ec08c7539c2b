// Says 250 when the message is on disk, in a file of its own with one sync, as Postfix does it.
'use strict'

const fs = require('node:fs')

exports.hook_queue = (next, connection) => {
    const transaction = connection?.transaction
    if (!transaction) return next()
    const path = `${process.env.QUEUE_DIR}/${transaction.uuid}`
    const file = fs.createWriteStream(path, { flags: 'wx', flush: true })
    file.once('error', (error) => next(DENYSOFT, error.code))
    file.once('close', () => next(OK))
    transaction.message_stream.pipe(file)
}
