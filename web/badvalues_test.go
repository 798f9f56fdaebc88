package web

import "strings"

// mark is in every bad value that would show if it came through unharmed: as an element, an attribute, a header or a formula.
const mark = "zqx"

// badValues are what no form expects.
var badValues = map[string]string{
	"empty":              "",
	"spaces":             "  \t ",
	"long":               strings.Repeat("a", 10_000),
	"long, two bytes":    strings.Repeat("é", 10_000),
	"long words":         strings.Repeat("lorem ", 2_000),
	"many lines":         strings.Repeat("x\n", 5_000),
	"a word":             "abc",
	"negative":           "-1",
	"zero":               "0",
	"huge number":        "99999999999999999999999",
	"fraction":           "1.5",
	"hexadecimal":        "0x10",
	"other digits":       "١٢٣",
	"NUL":                "a\x00b",
	"controls":           "a\x01\x08\x1b[31m\x7fb",
	"C1 controls":        "a\u0085\u009bb",
	"right to left":      "invoice\u202egnp.exe",
	"isolates":           "\u2066a\u2069\u200f",
	"zero width":         "pa\u200bypal\ufeff",
	"tags":               "a\U000e0041\U000e007fb",
	"confusable":         "Рrіуа Nаіr",
	"full width":         "ｊｏ＠ｈａｒｂｏｕｒ．ｅｘａｍｐｌｅ",
	"combining":          "Z" + strings.Repeat("\u0351", 500),
	"emoji":              "👩‍👩‍👧‍👦🇦🇺",
	"not a character":    "\ufffe\uffff\ufffd",
	"HTML":               `<zqx onmouseover=zqx>"'><zqx>`,
	"script":             `</textarea></title><script>zqx()</script>`,
	"attribute":          `x" autofocus onfocus="zqx()`,
	"address":            "javascript:zqx()//https://evil.example/",
	"template":           `{{.Viewer}}${7*7}<%= 7*7 %>`,
	"header":             "a@b.example\r\nX-Zqx: 1\r\n\r\n<zqx>",
	"mail header":        "jo@letters.example\nBcc: all@evil.example",
	"formula":            `=HYPERLINK("https://evil.example","zqx")`,
	"formula, plus":      `+cmd|' /C zqx'!A0`,
	"formula, at":        "@SUM(1+1)*cmd|zqx",
	"not UTF-8":          "a\xff\xfeb",
	"overlong":           "\xc0\xaf\xe0\x80\xaf",
	"surrogate":          "\xed\xa0\x80\xed\xb0\x80",
	"cut off":            "Jos\xc3",
	"SQL":                `'; DROP TABLE people; -- ' OR '1'='1`,
	"pattern":            `%_\%`,
	"JSON":               `{"$ne":null,"roles":["admin"]}`,
	"path":               "../../../../etc/passwd\x00.html",
	"percent":            "%00%0d%0aX-Zqx:%201",
	"several addresses":  "jo@letters.example,sam@letters.example;x",
	"quoted address":     `"jo doe"@letters.example, <zqx@letters.example>`,
	"another role":       "owner",
	"true":               "true",
	"another ID":         "aaaaaaaaaaaaaaaaaaaaaaaaaa",
	"line separators":    "a\u2028b\u2029c",
	"byte order, middle": "a\ufeffb",
}

// fewBadValues are those for fields whose every try costs a password hash, for the many addresses, and for the second store.
var fewBadValues = []string{"empty", "long", "NUL", "controls", "right to left", "HTML", "script", "header", "formula", "not UTF-8", "cut off", "SQL", "huge number", "percent"}
