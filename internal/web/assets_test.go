package web

import (
	"io/fs"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// withoutRule are classes that a page may have and no style sheet knows: the roots of
// GOV.UK's blocks that only their parts are styled of, and what scripts look for.
var withoutRule = map[string]bool{
	"govuk-checkboxes": true, "govuk-radios": true, "govuk-table__body": true, "govuk-table__caption--s": true,
	"govuk-js-password-input-input": true, "govuk-js-password-input-toggle": true,
}

// TestClasses finds a class that a page uses and no style sheet has: the sheets hold
// only the components that pages use.
func TestClasses(t *testing.T) {
	styled := map[string]bool{}
	sheets, err := fs.Glob(staticFiles, "static/*.css")
	if err != nil || len(sheets) == 0 {
		t.Fatal(sheets, err)
	}
	for _, name := range sheets {
		text, err := fs.ReadFile(staticFiles, name)
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range regexp.MustCompile(`\.([a-z][-\w]*)`).FindAllSubmatch(text, -1) {
			styled[string(found[1])] = true
		}
	}
	used := map[string]string{} // class to a file that uses it
	err = fs.WalkDir(templateFiles, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := fs.ReadFile(templateFiles, name)
		for _, found := range regexp.MustCompile(`(?:govuk|al)-[-\w]+(?:\{\{)?`).FindAllString(classesOf(string(text)), -1) {
			if !strings.HasSuffix(found, "{{") && !strings.HasSuffix(found, "-") { // else it is made while rendering
				used[found] = name
			}
		}
		return err
	})
	if err != nil || len(used) < 100 {
		t.Fatalf("%d classes, error %v", len(used), err)
	}
	for _, class := range slices.Sorted(maps.Keys(used)) {
		if !styled[class] && !withoutRule[class] {
			t.Errorf("%s uses %s, which no style sheet has: name its component in assets/src/aldaba.scss", used[class], class)
		}
	}
}

// classesOf gives the values of all class attributes of a template.
func classesOf(text string) string {
	var all strings.Builder
	for _, found := range regexp.MustCompile(`class="((?:\{\{.*?\}\}|[^"])*)"`).FindAllStringSubmatch(text, -1) {
		all.WriteString(found[1] + "\n")
	}
	return all.String()
}
