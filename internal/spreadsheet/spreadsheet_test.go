package spreadsheet

import "testing"

func TestInert(t *testing.T) {
	for text, want := range map[string]string{
		"": "", "Vino": "Vino", "a=b": "a=b", "Pago -3": "Pago -3", "10-12": "10-12",
		"=1+1": "'=1+1", "+1": "'+1", "-1": "'-1", "@x": "'@x", " =1": " '=1", "\t=1": "\t'=1", "\r=1": "\r'=1",
		"hola;=1;x": "hola;'=1;x", "hola, @SUM(A1)": "hola, '@SUM(A1)", "dos\n-3": "dos\n'-3", `"+2"`: `"'+2"`, "＝1": "'＝1",
	} {
		if got := Inert(text); got != want {
			t.Errorf("Inert(%q) = %q, want %q", text, got, want)
		}
		if again := Inert(want); again != want {
			t.Errorf("Inert(%q) = %q, want it as it is", want, again)
		}
	}
}
