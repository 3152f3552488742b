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
//	number, clave ─LogIn─► Session ─► Home, History, LookRights, MakeRequest
//	      │ wrong             │  └─clave again─► ChangeClave, AskAddress, RenewQuestions,
//	      │                   │                  ExportData, CloseWeb, CloseSession
//	      │                   └─► over: by time, EndSession, SetClave, a death, a freeze,
//	      │                             CloseWeb, ChangeClave (another token, and the others)
//	      ▼
//	BudgetClave or BudgetClaveKnown ─five─► locked ─AskUnlock─► mail ─OpenLock─► open
//	                                                             └─NewClaveBehindUnlock─► prove
//
// A session is a row ([Session]). Whatever asks the clave charges and compares it by
// the same code (tryClave); inside a session it is given again by proveAgain and
// doAgain (inside.go), which also ask for the account's level. What a lock stops, and
// what ends it, is docs/decisions/0013. The mail of an unlock is an untold procedure of
// kind [Unlock], whose link opens no page for a clave by itself. A change of address is
// a procedure too, drawn in address.go.
//
// # What shuts an account
//
//	notice ─Object─► case for staff, or frozen ─recovery by what stood before─► open
//	                                       └────code of staff (IssueActivationCode)─► open
//	CloseWeb ─────────────────────────► closed ─code of staff─► open
//
// A shut account answers every clave as a wrong one (docs/decisions/0017). Every act
// that matters is told to every address on record (notify), with the link of
// [Service.Object].
//
// # Beside the clave
//
// Complaints ([Service.MakeComplaint]) need no account and follow a number and a code.
// What is counted for the public commits with the act ([Figure]); package stats does
// the rest.
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
