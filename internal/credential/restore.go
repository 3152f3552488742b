package credential

// ActRestored is the act of putting a whole database back to an earlier state. It
// is about nobody: its row stands under the zero [Subject].
const ActRestored Act = "restored"

// Rewound is what a restore ended and kept.
//
// A store that goes back in time would make single use and limits go back with
// it: a link used since would be unused, an attempt spent unspent. So everything
// that lives for somebody ends, and what was spent is carried over from the
// later state where there still is one to read.
type Rewound struct {
	Procedures int64 // ended; their links, codes and pages hold no more
	Mails      int64 // that waited, dropped
	Codes      int64 // activation codes that nobody had used, ended
	Devices    int64 // known ones, forgotten
	Sessions   int64 // ended
	Spent      bool  // whether attempts, disputes and used secrets are those of the later state
}
