package institution

import (
	"cmp"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"aldaba/internal/settings"
)

// translation is what a language's folder says. A name, an address or a telephone that is
// empty stays as the first language has it, and so does a sheet that is missing; all else
// is there, or the folder was refused.
type translation struct {
	name, shortName string
	phoneText       string
	hours           string
	offices         map[string]Office // by ID
	groups          []string          // by their place in the first language's
	services        map[string]named  // by ID
	sheets          map[string]Sheet  // by ID, whole

	agreement           Agreement // whole
	controller, address string    // of privacy
	assessedBy          string
	statement, cookies  []string
}

// named is a name and a sentence about what bears it.
type named struct{ name, text string }

// In gives the institution with its texts in another language that it offers. In one
// that it does not offer, and in the first, it stays as it is. It is asked of what
// [Read] or [Example] gave: what it gives itself knows no way back.
func (i Institution) In(language string) Institution {
	t, found := i.others[language]
	if !found {
		return i
	}
	i.Name, i.ShortName, i.PhoneText, i.Hours = cmp.Or(t.name, i.Name), cmp.Or(t.shortName, i.ShortName), cmp.Or(t.phoneText, i.PhoneText), cmp.Or(t.hours, i.Hours)
	i.Agreement, i.Accessibility.AssessedBy, i.Accessibility.Texts, i.Cookies = t.agreement, t.assessedBy, t.statement, t.cookies
	i.Privacy.Controller, i.Privacy.Address = cmp.Or(t.controller, i.Privacy.Controller), cmp.Or(t.address, i.Privacy.Address)
	i.Offices, i.Services, i.Sheets = slices.Clone(i.Offices), slices.Clone(i.Services), slices.Clone(i.Sheets)
	for n, o := range i.Offices {
		theirs := t.offices[o.ID]
		i.Offices[n].Name, i.Offices[n].Address = cmp.Or(theirs.Name, o.Name), cmp.Or(theirs.Address, o.Address)
		i.Offices[n].Hours = cmp.Or(theirs.Hours, o.Hours)
	}
	for n, o := range i.Services {
		theirs := t.services[o.ID]
		i.Services[n].Name, i.Services[n].Text = cmp.Or(theirs.name, o.Name), cmp.Or(theirs.text, o.Text)
		if at := slices.Index(i.groups, o.Group); at >= 0 {
			i.Services[n].Group = t.groups[at]
		}
	}
	for n, sheet := range i.Sheets {
		if theirs, found := t.sheets[sheet.ID]; found {
			i.Sheets[n] = theirs
		}
	}
	return i
}

// languages gives those that the institution offers, of those the program has.
func (s source) languages(program []string) []string {
	const key = "languages"
	list := s.Texts(key, program[0])
	switch {
	case !s.Has(key):
		return slices.Clone(program)
	case list != nil && len(list) == 0:
		s.Wrong(key, "is empty; write one or more of %s, or leave the line out for all", quoted(program))
	}
	for at, language := range list {
		switch {
		case !slices.Contains(program, language):
			s.WrongItem(key, at, "the program has no words in %q; write one or more of %s, or leave the line out for all", settings.Printable(language), quoted(program))
		case slices.Contains(list[:at], language):
			s.WrongItem(key, at, "%q stands twice; leave one of them", language)
		}
	}
	return list
}

// translations reads the folder of every language but the first.
func (r *reader) translations(i *Institution, program []string) {
	first := i.Languages[0]
	for _, language := range program {
		there, offered := r.hasFolder(language), slices.Contains(i.Languages, language)
		switch {
		case there && language == first:
			r.fault(language, "is the first of the languages, whose texts stand in the folder itself; take this one away, or name another language first in %s", filepath.Join(r.name, mainFile))
		case there && !offered:
			i.Remarks = append(i.Remarks, fmt.Sprintf("%s is not read, because %s does not name %q among its languages", filepath.Join(r.name, language), filepath.Join(r.name, mainFile), language))
		}
	}
	i.others = map[string]translation{}
	for _, language := range i.Languages[1:] {
		i.others[language] = r.translate(language, i)
	}
}

// hasFolder reports whether there is a folder for a language.
func (r *reader) hasFolder(language string) bool {
	info, err := fs.Stat(r.folder, language)
	return err == nil && info.IsDir()
}

// translate reads the folder of one language. The institution's main texts are
// translated whole; a sheet is, or is not.
func (r *reader) translate(language string, i *Institution) translation {
	var t translation
	hint := fmt.Sprintf("; write the texts in %q there, or leave that language out: languages = [%q] in %s", language, i.Languages[0], filepath.Join(r.name, mainFile))
	if s, ok := r.open(path.Join(language, mainFile), hint); ok {
		s.mainWords(*i, &t)
		r.closeWords(language, mainFile, s)
	}
	if s, ok := r.open(path.Join(language, servicesFile), hint); ok {
		s.serviceWords(*i, &t)
		r.closeWords(language, servicesFile, s)
	}
	if s, ok := r.open(path.Join(language, legalFile), hint); ok {
		s.legalWords(*i, language, &t)
		r.closeWords(language, legalFile, s)
	}
	r.sheetWords(language, *i, &t)
	if r.hasFolder(language) {
		r.strangers(language)
	}
	for _, sheet := range i.Sheets {
		if _, found := t.sheets[sheet.ID]; !found {
			i.Remarks = append(i.Remarks, fmt.Sprintf("the sheet %s is shown in %q to who reads %q: %s is not there",
				sheet.ID, i.Languages[0], language, filepath.Join(r.name, language, sheetsFolder, sheet.ID+".toml")))
		}
	}
	return t
}

// closeWords takes the faults of a translated file. What is no text of the first
// language's is refused, so that nobody changes it here and wonders.
func (r *reader) closeWords(language, file string, s source) {
	s.RefuseKnown(r.files[file].Document, "is no text to translate: %s has none there, or it is the same in every language; take it away", filepath.Join(r.name, file))
	r.close(path.Join(language, file), s)
}

func (s source) mainWords(i Institution, t *translation) {
	t.name, _ = s.text("name", false, untranslated, maxName)
	t.shortName, _ = s.text("short_name", false, untranslated, maxName/2)
	t.phoneText, _ = s.text("contact.phone_text", false, untranslated, maxName/2)
	t.hours = s.words("contact.hours", i.Hours, maxText)
	t.offices = map[string]Office{}
	for _, o := range i.Offices {
		key := "office." + o.ID + "."
		var theirs Office
		theirs.Name, _ = s.text(key+"name", false, untranslated, maxName)
		theirs.Address, _ = s.text(key+"address", false, untranslated, maxText)
		theirs.Hours = t.hours
		if o.Hours != i.Hours {
			theirs.Hours = s.words(key+"hours", o.Hours, maxText)
		}
		t.offices[o.ID] = theirs
	}
	s.onlyTables("office", func(id string) bool { _, found := t.offices[id]; return found })
}

func (s source) serviceWords(i Institution, t *translation) {
	const key = "groups"
	if s.Has(key) {
		t.groups = s.groups()
		if n := len(t.groups); t.groups != nil && n != len(i.groups) {
			s.Wrong(key, "holds %d headings, and those to translate are %d: %s; write one for each, in the same order", n, len(i.groups), quoted(i.groups))
		}
	} else {
		_ = s.Texts(key, untranslated) // known now
		s.MissingList(key, untranslated, "the translation of "+quoted(i.groups))
	}
	t.services = map[string]named{}
	for _, o := range i.Services {
		key := "service." + o.ID + "."
		t.services[o.ID] = named{s.words(key+"name", o.Name, maxName), s.words(key+"text", o.Text, maxText)}
	}
	s.onlyTables("service", func(id string) bool { _, found := t.services[id]; return found })
}

// sheetWords reads the sheets that are translated.
func (r *reader) sheetWords(language string, i Institution, t *translation) {
	t.sheets = map[string]Sheet{}
	for n, file := range r.sheetFiles(language) {
		at := slices.IndexFunc(i.Sheets, func(one Sheet) bool { return one.ID == sheetID(file) })
		switch {
		case n > maxSheets:
			return // each beyond the first language's is a fault already
		case at < 0:
			r.fault(file, "translates no sheet; those there are, in %s, are %s", filepath.Join(r.name, sheetsFolder), quoted(sheetIDs(i)))
			continue
		}
		if s, ok := r.open(file, ""); ok {
			sheet := s.sheetIn(i.Sheets[at])
			sheet.Language = language
			t.sheets[sheet.ID] = sheet
			r.closeWords(language, path.Join(sheetsFolder, path.Base(file)), s)
		}
	}
}

func sheetIDs(i Institution) (list []string) {
	for _, sheet := range i.Sheets {
		list = append(list, sheet.ID)
	}
	return list
}

// sheetIn gives a sheet with its texts as this file translates them. What it stands
// on by law is never translated, nor is its name in the catalogue.
func (s source) sheetIn(sheet Sheet) Sheet {
	for _, field := range []struct {
		key  string
		text *string
		most int
	}{
		{"name", &sheet.Name, maxName}, {"text", &sheet.Text, maxParagraph}, {"whom", &sheet.Whom, maxParagraph}, {"result", &sheet.Kind, maxText},
		{"channel", &sheet.Channel, maxText}, {"cost", &sheet.Cost, maxText}, {"hours", &sheet.Hours, maxText}, {"unit", &sheet.Unit, maxName},
	} {
		*field.text = s.markedWords(field.key, *field.text, field.most)
	}
	for _, field := range []struct {
		key  string
		list *[]string
	}{{"people", &sheet.People}, {"gets", &sheet.Gets}, {"needs", &sheet.Needs}, {"instead", &sheet.Instead}} {
		*field.list = s.wordList(field.key, *field.list)
	}
	sheet.Words = s.lines("words", len(sheet.Words) > 0, "password") // as many as that language has
	sheet.Cases = slices.Clone(sheet.Cases)
	for n, c := range sheet.Cases {
		key := "case." + c.ID + "."
		c.Title = s.markedWords(key+"title", c.Title, maxText)
		c.Needs, c.Steps = s.wordList(key+"needs", c.Needs), s.wordList(key+"steps", c.Steps)
		sheet.Cases[n] = c
	}
	s.onlyTables("case", func(id string) bool { return slices.ContainsFunc(sheet.Cases, func(c Case) bool { return c.ID == id }) })
	return sheet
}

// untranslated stands in examples for a text in a language that is not ours.
const untranslated = "…"

// words gives the translation of a text, which is needed. What the first language
// does not say is not asked for.
func (s source) words(key, first string, most int) string {
	if first == "" {
		return ""
	}
	text, ok := s.text(key, false, untranslated, most)
	if !ok && !s.Has(key) {
		s.MissingText(key, untranslated, "the translation of "+brief(first))
	}
	return text
}

// markedWords is words with the marks of what it translates.
func (s source) markedWords(key, first string, most int) string {
	text := s.words(key, first, most)
	if text != "" {
		sameMarks(text, first, func(format string, args ...any) { s.Wrong(key, format, args...) })
	}
	return text
}

// wordList gives the translation of a list, text by text.
func (s source) wordList(key string, first []string) []string {
	if len(first) == 0 {
		return nil
	}
	if !s.Has(key) {
		_ = s.Texts(key, untranslated) // known now
		s.MissingList(key, untranslated, fmt.Sprintf("the translation of its %d texts, from %s on", len(first), brief(first[0])))
		return nil
	}
	before := s.Count()
	texts := s.lines(key, true, untranslated)
	switch {
	case s.Count() > before:
	case len(texts) != len(first):
		s.Wrong(key, "holds %d texts, and those to translate are %d; write one for each, in the same order", len(texts), len(first))
	default:
		for at, text := range texts {
			sameMarks(text, first[at], func(format string, args ...any) { s.WrongItem(key, at, format, args...) })
		}
	}
	return texts
}

// sameMarks holds a translation to the marks of its text: one that is lost would lose
// a number that people need.
func sameMarks(text, first string, fault func(format string, args ...any)) {
	marks := func(of string) string {
		list := mark.FindAllString(of, -1)
		slices.Sort(list)
		return cmp.Or(strings.Join(list, ", "), "none")
	}
	if theirs, needed := marks(text), marks(first); theirs != needed {
		fault("its marks are %s, and those of the text that it translates %s", settings.Printable(theirs), needed)
	}
}

// onlyTables refuses the tables below one that the first language does not have.
func (s source) onlyTables(table string, has func(id string) bool) {
	for _, id := range s.Names(table) {
		if !has(id) {
			s.Retire(table+"."+id, "translates nothing: the first language has no [%s.%s]; rename it or take it away", table, id)
		}
	}
}

// brief quotes the beginning of a text.
func brief(text string) string {
	const most = 40
	if runes := []rune(text); len(runes) > most {
		text = string(runes[:most]) + "…"
	}
	return fmt.Sprintf("%q", text)
}
