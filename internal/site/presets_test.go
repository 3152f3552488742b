package site

import (
	"errors"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"aldaba/internal/credential"
	"aldaba/internal/web"
)

// voidFor says which cases a policy makes void, and why: it has no such thing. A
// key is a test's name, or with a slash a part of one, which asks [world.has].
// A case that has another shape under a policy stands here with the name of the
// test that holds that shape.
var voidFor = map[string]map[string]string{
	credential.Guia: {
		"TestS8_NothingBeforeTheVerdictTells/thin record": "no question is asked about the record",
		"TestS9_EqualWork/answers":                        "the verdict falls on the date alone; the own question is behind the link: TestGuia_OwnQuestionTries",
		"TestS10_LimitsTellNothing":                       "a right date alone passes, so there is no right date with something else wrong: TestGuia_DateLimits",
		"TestS10_AtOnce":                                  "likewise: TestGuia_DatesAtOnce",
		"TestS14_OneAnswerIsNotThree":                     "one question is asked",
		"TestS15_NothingRerolls":                          "nothing is asked before the verdict that could be re-rolled: TestGuia_NothingRerolls",
		"TestS16_FiftyAtOnce":                             "no answer is compared before the verdict: TestGuia_DatesAtOnce, TestGuia_OwnQuestionAtOnce",
		"TestS17_AChargeStands":                           "likewise: TestGuia_AChargeStands",
		"TestS18_NothingSaysWhichPartFailed":              "the proof has one part, the date",
		"TestMoreTimeDuringTheVerdict":                    "the verdict hashes nothing, and behind the link no more time can be asked for",
		"TestMetrics/contact":                             "the address is asked on the page of picture and question",
	},
	credential.Reforzada: {
		"TestS5_LivesExactly/code over":                    "a page that does not tell whether there was a mail does not tell that its code is over: it is a wrong one, with 422",
		"TestS8_NothingBeforeTheVerdictTells/recover":      "a recover tells no verdict: TestReforzada_OnePageForAll",
		"TestS8_NothingBeforeTheVerdictTells/thin record":  "no question is asked about the record",
		"TestS9_EqualWork/recover":                         "a recover tells no verdict: TestReforzada_EqualWork",
		"TestS10_LimitsTellNothing/recover":                "a recover loses no verdict; its mails are counted: TestReforzada_UnprovenMails",
		"TestS13_OneNumberOneCounter/verdict of a recover": "likewise; the numbers are tried with a code",
		"TestS14_OneAnswerIsNotThree":                      "nobody is asked a secret question",
		"TestS15_NothingRerolls/questions":                 "likewise",
		"TestS17_AChargeStands/gate":                       "a verdict hashes nothing, so no gate stands before it",
		"TestS18_NothingSaysWhichPartFailed/recover":       "a recover tells no verdict: TestReforzada_OnePageForAll",
		"TestS28_SecretsStayInside/verdict of recover":     "likewise",
		"TestS32_SealedColumnsDoNotWander/answers":         "no account keeps answers",
		"TestAddressHold/recover":                          "a recover types no address; with a code one is typed, and the clave is a generated one of level 2",
		"TestRaisingEndsTheAnswers":                        "no account keeps answers",
		"TestMoreTimeDuringTheVerdict":                     "the verdict hashes nothing",
		"TestTrustTable":                                   "no record or own questions are asked: TestReforzada_Trust",
		"TestMetrics/questions":                            "no questions are asked after the verdict",
	},
}

// everywhere are the databases and policies of presets, for tests that may not run
// beside each other.
var everywhere = []struct{ name, engine, preset string }{
	{"sqlite", "sqlite", credential.Ficha2026}, {"postgres", "postgres", credential.Ficha2026},
	{credential.Guia, "sqlite", credential.Guia}, {credential.Reforzada, "sqlite", credential.Reforzada},
}

// presets runs a test on both databases under the default policy, and on SQLite
// under each of the others unless it is void there: the engines are held to one
// contract elsewhere.
func presets(t *testing.T, f func(t *testing.T, dsn string, preset option)) {
	t.Parallel()
	onEngines(t, func(t *testing.T, dsn string) { f(t, dsn, under(credential.Ficha2026)) })
	for _, preset := range []string{credential.Guia, credential.Reforzada} {
		if !void(t, preset, "") {
			t.Run(preset, func(t *testing.T) { t.Parallel(); f(t, dsnOf(t, "sqlite"), under(preset)) })
		}
	}
}

// presetsOnce is presets for tests for which one database is enough.
func presetsOnce(t *testing.T, f func(t *testing.T, dsn string, preset option)) {
	t.Parallel()
	for _, preset := range []string{credential.Ficha2026, credential.Guia, credential.Reforzada} {
		if !void(t, preset, "") {
			t.Run(preset, func(t *testing.T) { t.Parallel(); f(t, dsnOf(t, "sqlite"), under(preset)) })
		}
	}
}

// void reports whether the running test, or with a part that part of it, is void
// under a policy.
func void(t testing.TB, preset, part string) bool {
	name, _, _ := strings.Cut(t.Name(), "/")
	if part != "" {
		name += "/" + part
	}
	_, void := voidFor[preset][name]
	return void
}

// has reports whether a part of the running test is a case under the world's
// policy.
func (w *world) has(part string) bool { return !void(w.t, w.policy().Name, part) }

func (w *world) policy() credential.Policy { return w.site.config.Policy }

// provers are people who prove themselves by something that a lost verdict does
// not tell from a wrong birth date, in the kind in which they do: own answers
// where a recover asks them before its verdict, or else the code of a counter.
// Under a policy that asks a date alone they recover.
func (w *world) provers() (credential.ProcedureKind, []web.DemoPerson) {
	kind, cases := credential.Recover, []string{"con-clave", "con-clave-presencial", "bloqueada"}
	if w.policy().ActivationCode {
		kind, cases = credential.Generate, []string{"nueva", "nueva-presencial", "pensionista"}
	}
	var list []web.DemoPerson
	for _, c := range cases {
		list = append(list, w.people[c])
	}
	return kind, list
}

// retyping is how somebody who has an address on record types another: by a
// recover, or where that asks for none by a generate with a code from a counter. By
// a code the address waits only where a visit had proven the account before.
func (w *world) retyping(p web.DemoPerson) (credential.ProcedureKind, web.DemoPerson) {
	w.t.Helper()
	if !w.policy().ActivationCode {
		return credential.Recover, p
	}
	err := w.site.Store.Update(w.t.Context(), w.subject(p).Shard(), func(tx credential.Tx) error {
		account, err := tx.Account(w.subject(p))
		if err != nil {
			return err
		}
		account.Level = credential.InPerson
		return tx.SaveAccount(account)
	})
	if err != nil && !errors.Is(err, credential.ErrNoRow) {
		w.t.Fatal(err)
	}
	return credential.Generate, w.handOver(p, "ABCDE-23456")
}

// handOver gives somebody an activation code, as a counter would.
func (w *world) handOver(p web.DemoPerson, code string) web.DemoPerson {
	w.t.Helper()
	s := w.subject(p)
	err := w.site.Store.Update(w.t.Context(), s.Shard(), func(tx credential.Tx) error {
		return tx.PutActivationCode(w.site.config.Keys.SeedActivationCode(s, code, w.clock.Now()))
	})
	if err != nil {
		w.t.Fatal(err)
	}
	p.Activation = code
	return p
}

// renewed is a person whose code, where the policy gives one, was handed over just
// now.
func (w *world) renewed(p web.DemoPerson) web.DemoPerson {
	if p.Activation == "" {
		return p
	}
	return w.handOver(p, p.Activation)
}

// wins reports whether everything right wins a person the verdict.
func (w *world) wins(kind credential.ProcedureKind, p web.DemoPerson) bool {
	switch {
	case p.Case == "fallecida":
		return false
	case kind == credential.Recover:
		return p.Clave != "" || w.has("answers")
	}
	return p.Clave == "" && (p.Case != "registro-delgado" || !w.policy().RecordQuestions)
}

// Each preset has its least length of a clave, and its life of a link.
func TestNumbersOfThePolicies(t *testing.T) {
	presetsOnce(t, func(t *testing.T, dsn string, preset option) {
		w := newWorld(t, dsn, preset)
		want := map[string]struct {
			least int
			life  time.Duration
		}{
			credential.Ficha2026: {12, 3 * time.Minute}, credential.Guia: {12, 15 * time.Minute}, credential.Reforzada: {15, 15 * time.Minute},
		}[w.policy().Name]
		p, b := w.people["nueva"], w.browser()
		b.sent(credential.Generate, p, "nueva@correo.example")
		m := w.activation("nueva@correo.example", 1)
		w.clock.advance(want.life - time.Second)
		page := b.opened(m, p)
		clave := []rune("ñandú·xilófono·quinua")
		page.setClave(string(clave[:want.least-1])).want(422)
		page.setClave(string(clave[:want.least])).want(303)
		if !w.hasClave(p, string(clave[:want.least])) {
			t.Error("the clave is not the one that was set")
		}
	})
}

// switchTo ends the program and starts it again under another policy.
func (w *world) switchTo(preset string) {
	w.t.Helper()
	p, err := credential.Preset(preset)
	if err != nil {
		w.t.Fatal(err)
	}
	old := w.policy()
	p.CaptchaCost, p.HashMemoryKiB, p.HashPasses, p.NumbersPerNetwork = old.CaptchaCost, old.HashMemoryKiB, old.HashPasses, old.NumbersPerNetwork
	w.site.config.Policy = p
	w.restart()
}

// A procedure begun under one policy is over when the program starts with
// another, at whatever step and however its link is opened; accounts stay, and
// who has answers recovers by them wherever some are asked.
func TestPolicyChange(t *testing.T) {
	engines(t, func(t *testing.T, dsn string) {
		w := newWorld(t, dsn)
		p := w.people["con-clave"]
		over := func(b *browser, path string) {
			t.Helper()
			b.get(path).want(410)
			id, _, _ := strings.Cut(b.cookies["tramite"], ".")
			b.send(http.MethodPost, path, url.Values{"tramite": {id}, "codigo": {"123456"}, "declaro": {"on"}, "clave": {goodClave}, "repita": {goodClave}}).want(410)
			if state := b.state(); state != "over" {
				t.Errorf("%s: the waiting page's script hears %q", path, state)
			}
		}
		proving, proven, waiting, last := w.browser(), w.browser(), w.browser(), w.browser()
		proving.begin(credential.Recover, p).want(303)
		proven.prove(credential.Recover, p).want(303)
		waiting.sent(credential.Recover, p, p.Email)
		m := w.activation(p.Email, 1)
		last.sent(credential.Recover, p, p.Email)
		last.opened(w.activation(p.Email, 2), p)
		w.switchTo(credential.Guia)
		over(proving, journey[0])
		over(proven, journey[3])
		over(waiting, journey[5])
		over(last, journey[6])
		for _, b := range []*browser{waiting, w.browser()} {
			b.get(linkIn(t, m, "/clave/enlace/")).want(410)
		}

		// Three answers of before are asked behind the link, all three.
		b := w.browser()
		page := b.ownQuestion(p, 3)
		if n := len(page.asked()); n != 3 {
			t.Errorf("%d questions are asked of somebody who chose three", n)
		}
		half := page.answers(p)
		half[1] = "respuesta cualquiera"
		page.press("Continuar", half...).want(422)
		page.own(p).setClave(goodClave).want(303)
		asking := w.browser()
		asking.ownQuestion(p, 4)

		w.switchTo(credential.Reforzada)
		over(asking, pathOwnQuestion)
		untold, q := w.browser(), w.people["nueva"]
		untold.untold(credential.Recover, p, p)
		w.browser().finished(credential.Generate, w.issued(q), "nueva@correo.example", goodClave)

		w.switchTo(credential.Ficha2026)
		over(untold, journey[5])
		w.browser().finished(credential.Recover, p, p.Email, goodClave+"-2")
		if !w.hasClave(p, goodClave+"-2") {
			t.Error("the answers of before no longer recover")
		}
		// Who has none cannot be helped here; docs/policies.md says so.
		w.browser().verdict(credential.Recover, q, chosen(q)).want(422)
		w.switchTo(credential.Guia)
		w.browser().verdict(credential.Recover, q, q).want(422)
	})
}

// The table of void cases names tests that exist, and stands in the documentation
// as it stands here.
func TestVoidTable(t *testing.T) {
	files, err := filepath.Glob("*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	var source strings.Builder
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		source.Write(content)
	}
	docs, err := os.ReadFile("../../docs/security-cases.md")
	if err != nil {
		t.Fatal(err)
	}
	exists := func(test string) bool { return strings.Contains(source.String(), "\nfunc "+test+"(t *testing.T)") }
	rows := 0
	for preset, cases := range voidFor {
		for key, why := range cases {
			test, part, _ := strings.Cut(key, "/")
			if !exists(test) {
				t.Errorf("%s: %s is no test", preset, test)
			}
			for _, shape := range regexp.MustCompile(`Test\w+`).FindAllString(why, -1) {
				if !exists(shape) {
					t.Errorf("%s: %s has its shape in %s, which is no test", preset, key, shape)
				}
			}
			name := "`" + test + "`"
			if part != "" {
				name += ", " + part
			}
			if row := "| " + name + " | `" + preset + "` | " + regexp.MustCompile(`Test\w+`).ReplaceAllString(why, "`$0`") + " |"; !strings.Contains(string(docs), row+"\n") {
				t.Errorf("docs/security-cases.md lacks the row\n%s", row)
			}
			rows++
		}
	}
	_, section, _ := strings.Cut(string(docs), "\n## Cases that a policy makes void\n")
	section, _, _ = strings.Cut(section, "\n## ")
	if n := strings.Count(section, "\n| `"); n != rows {
		t.Errorf("docs/security-cases.md has %d rows of void cases, the table %d", n, rows)
	}
}
