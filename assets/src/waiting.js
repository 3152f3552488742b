// The page that waits for a mail: tells by itself when the mail left and until
// when it is valid.
//
// Markup: an element with data-status-url, somewhere a [data-status-text] that
// is a live region, optionally [data-status-title] for the page's title and
// [data-status-until] for the clock time, and elements with data-when="state
// state" that are shown in these states only (the server renders the right ones
// without `hidden`); in the states of data-stays they are left as they are, so
// that no field goes away under somebody's fingers.
//
// The address answers {"state":"…","title":"…","text":"…","until":"…"}: held, queued,
// trying, sent, untold, expired or refused say where the mail is; "moved" says that the
// procedure went on in this browser, "over" that it ended or went elsewhere.

const FIRST_PAUSE = 2000;
// After this many answers without news the pauses grow, up to the longest.
const PATIENT_ANSWERS = 30;
const LONGEST_PAUSE = 20000;
const FINAL = new Set(['moved', 'over']);
const STATES = new Set(['held', 'queued', 'trying', 'sent', 'untold', 'expired', 'refused', ...FINAL]);

export function watchMail(root = document) {
  const place = root.querySelector('[data-status-url]');
  if (!place) {
    return;
  }
  let timer = 0;
  let asking = false;
  let over = false;
  let last = '';
  let quiet = 0;
  let pause = FIRST_PAUSE;

  function later() {
    clearTimeout(timer);
    if (!over && !document.hidden) {
      timer = setTimeout(ask, pause);
    }
  }

  function slower() {
    pause = Math.min(pause * 1.5, LONGEST_PAUSE);
  }

  function show(news) {
    const text = root.querySelector('[data-status-text]');
    // A live region that is written again is read again: only real news go in.
    if (text && typeof news.text === 'string' && text.textContent !== news.text) {
      text.textContent = news.text;
    }
    const title = root.querySelector('[data-status-title]');
    if (title && typeof news.title === 'string' && news.title !== '' && title.textContent !== news.title) {
      document.title = document.title.replace(title.textContent, news.title);
      title.textContent = news.title;
    }
    // Before the mail was tried there is no time yet, and the page says so.
    if (typeof news.until === 'string' && news.until !== '') {
      for (const until of root.querySelectorAll('[data-status-until]')) {
        until.textContent = news.until;
      }
    }
    for (const part of root.querySelectorAll('[data-when]')) {
      if (part.dataset.stays?.split(' ').includes(news.state)) {
        continue;
      }
      part.hidden = !part.dataset.when.split(' ').includes(news.state);
    }
  }

  async function ask() {
    if (asking || over || document.hidden) {
      return;
    }
    asking = true;
    try {
      const reply = await fetch(place.dataset.statusUrl, {
        headers: { Accept: 'application/json' },
        cache: 'no-store',
        redirect: 'error',
      });
      if (reply.status === 404 || reply.status === 410) {
        over = true;
      } else if (!reply.ok) {
        const wait = Number(reply.headers.get('Retry-After')) * 1000;
        pause = Math.max(pause, Math.min(wait || 0, LONGEST_PAUSE));
        slower();
      } else {
        const news = await reply.json();
        if (news && STATES.has(news.state)) {
          const said = JSON.stringify([news.state, news.text, news.until]);
          if (said !== last) {
            last = said;
            quiet = 0;
            pause = FIRST_PAUSE;
            show(news);
          } else if (++quiet > PATIENT_ANSWERS) {
            slower();
          }
          over = FINAL.has(news.state);
        } else {
          slower();
        }
      }
    } catch {
      // No network: the page says what it said, and asks again later.
      slower();
    } finally {
      asking = false;
      later();
    }
  }

  document.addEventListener('visibilitychange', () => {
    clearTimeout(timer);
    if (!document.hidden) {
      pause = FIRST_PAUSE;
      ask();
    }
  });
  later();
}
