// The worker that solves the captcha: ALTCHA's own, which asks the browser's
// crypto. That is only there over https and on the device itself; for a page
// over plain http (the demo seen from a phone) pbkdf2.js stands in.

import './pbkdf2.js';
import 'altcha/workers/pbkdf2';
