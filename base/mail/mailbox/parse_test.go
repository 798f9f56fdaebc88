package mailbox

import (
	"strings"
	"testing"
)

func TestMailsOfOtherProgramsAreRead(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		mail string
		want Mail
	}{
		"plain": {
			"Subject: Hi\r\n\r\nHello\r\nyou\r\n",
			Mail{Subject: "Hi", Text: "Hello\nyou\n"},
		},
		"base64 and an encoded subject": {
			"Subject: =?utf-8?b?R3LDvMOfZQ==?=\r\nContent-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\nPGI+eDwvYj4=\r\n",
			Mail{Subject: "Grüße", HTML: "<b>x</b>"},
		},
		"nested with an attachment": {
			strings.ReplaceAll(`Subject: x
Content-Type: multipart/mixed; boundary=a

--a
Content-Type: multipart/alternative; boundary=b

--b
Content-Type: text/plain
Content-Transfer-Encoding: quoted-printable

one =3D 1
--b
Content-Type: text/html

<p>one</p>
--b--
--a
Content-Type: application/pdf
Content-Transfer-Encoding: base64

JVBERg==
--a
Content-Type: text/plain

a second text
--a--
`, "\n", "\r\n"),
			Mail{Subject: "x", Text: "one = 1", HTML: "<p>one</p>"},
		},
		"broken type and bytes": {
			"Subject: =?utf-8?q?broken\r\nContent-Type: ;;;\r\n\r\n\xff\xfe",
			Mail{Subject: "=?utf-8?q?broken", Text: "\ufffd"},
		},
	} {
		got, err := parse([]byte(test.mail))
		if err != nil || got.Subject != test.want.Subject || got.Text != test.want.Text || got.HTML != test.want.HTML {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	if _, err := parse([]byte("no header")); err == nil {
		t.Error("a mail without a header was read")
	}
}
