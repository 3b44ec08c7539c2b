/* Tells the server the browser's time zone, for readers who chose none. The next page uses it. */

const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
if (zone) {
  document.cookie = `guessed_time_zone=${zone}; path=/; max-age=31536000; samesite=lax`;
}
