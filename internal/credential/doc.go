// Package credential is the domain of Aldaba: how a person of the institution's
// register gets a clave and gets it back. It knows nothing of HTTP, SQL, HTML,
// files or SMTP; it declares what it needs of them ([Store], [Registry],
// [Blocklist]) and is held to it by a test.
//
// # The procedure
//
// A procedure (trámite) is a row with a step; each use case below is one method
// of [Service], reads the clock once, and leaves by one transaction, but for those
// that hash (below).
//
//	Start ─► prove ─Prove─► prove_review ─JudgeProof─► questions* ─SetQuestions─► contact
//	           ▲                  │ wrong                 *generate only             │
//	           └──────────────────┘                                             SetContact
//	                                                                                ▼
//	done ◄─SetClave─ clave ◄─ContinueLink, EnterCode─ sent ◄─AcceptContact─ contact_review
//
// Which of these steps run, and what each asks, is the [Policy]. Under guia the
// step questions takes picture, own question and contact at once
// ([Service.SetSecurity]), and a recover asks the own question between sent and
// clave ([Service.AnswerOwn]). Under reforzada a recover, and a generate without
// an activation code, go from prove_review straight to sent, and no page tells
// the verdict (untold.go).
//
// # What a clave opens
//
//	number, clave ─LogIn─► Session ─► Home, History, ChangeClave
//	      │ wrong             └─► over: by time, EndSession, SetClave, a death,
//	      ▼                             ChangeClave (another token, and the others)
//	BudgetClave or BudgetClaveKnown ─five─► locked ─AskUnlock─► mail ─OpenLock─► open
//
// A session is a row ([Session]). [Service.LogIn] and [Service.ChangeClave] charge
// and compare by the same code (tryClave); what a lock stops, and what ends it,
// is docs/decisions/0013. The mail of an unlock is an untold procedure of kind
// [Unlock], whose link opens no page for a clave.
//
// # What holds for both
//
// Nothing before the verdict ([Service.JudgeProof]) depends on the record:
// every page, limit and cost up to there is a function of what was typed and of
// a keyed hash of the number. Numbers that nobody has are ghosts: they have
// counters, questions and procedures like everybody else's.
//
// A secret is checked or made in four strides: a slot in the [Gate]; a
// transaction that charges the attempt; the hash, outside any transaction; a
// transaction that reads again and writes on condition. A process that dies
// between two strides leaves a charge and nothing else.
package credential
