// The warning before a procedure ends.
//
// Markup: <div role="alert" hidden data-deadline="RFC 3339" data-now="RFC 3339"
// data-warn-seconds="300">. data-now is the server's clock when it wrote the
// page: only the difference counts, so a wrong clock in the device does no harm.

const LONGEST_SLEEP = 15000;

export function warnBeforeEnd(root = document) {
  for (const banner of root.querySelectorAll('[data-deadline]')) {
    const end = Date.parse(banner.dataset.deadline);
    const written = Date.parse(banner.dataset.now);
    const warning = Number(banner.dataset.warnSeconds) * 1000;
    if (Number.isNaN(end) || Number.isNaN(written) || !(warning > 0)) {
      continue;
    }
    // In the device's own clock, when to speak.
    const due = Date.now() + (end - written) - warning;
    let timer = 0;
    const look = () => {
      clearTimeout(timer);
      const left = due - Date.now();
      if (left <= 0) {
        banner.hidden = false;
        document.removeEventListener('visibilitychange', look);
        return;
      }
      // Short sleeps: a device that slept wakes up late.
      timer = setTimeout(look, Math.min(left, LONGEST_SLEEP));
    };
    document.addEventListener('visibilitychange', look);
    look();
  }
}
