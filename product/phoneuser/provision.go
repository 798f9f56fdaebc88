package phoneuser

import (
	"encoding/xml"
	"strings"
)

// lpconfig is the document of Linphone's remote provisioning: sections of entries, as in the app's own settings file.
type lpconfig struct {
	XMLName  xml.Name `xml:"http://www.linphone.org/xsds/lpconfig.xsd config"`
	Sections []section
}

type section struct {
	XMLName xml.Name `xml:"section"`
	Name    string   `xml:"name,attr"`
	Entries []entry
}

type entry struct {
	XMLName   xml.Name `xml:"entry"`
	Name      string   `xml:"name,attr"`
	Overwrite bool     `xml:"overwrite,attr"`
	Text      string   `xml:",chardata"`
}

// entries makes entries of names and values that follow each other.
func entries(pairs ...string) (list []entry) {
	for i := 0; i < len(pairs); i += 2 {
		list = append(list, entry{Name: pairs[i], Overwrite: true, Text: pairs[i+1]})
	}
	return list
}

// provisioning writes the document that signs an app in. It holds the digest, not the password, and tells the app to fetch it only once.
func provisioning(d Details) (string, error) {
	server := "<sip:" + d.Server + ";transport=" + d.Transport + ">"
	config := lpconfig{Sections: []section{
		{Name: "misc", Entries: entries("transient_provisioning", "1")},
		{Name: "sip", Entries: entries("default_proxy", "0", "register_only_when_network_is_up", "1", "use_info", "0", "use_rfc2833", "1")},
		{Name: "auth_info_0", Entries: entries("username", d.Username, "userid", d.Username, "ha1", ha1(d.Algorithm, d.Username, d.Domain, d.Password),
			"realm", d.Domain, "domain", d.Domain, "algorithm", d.Algorithm, "available_algorithms", d.Algorithm)},
		{Name: "proxy_0", Entries: entries("reg_proxy", server, "reg_route", server, "reg_identity", quoted(d.DisplayName)+" <sip:"+d.Username+"@"+d.Domain+">",
			"realm", d.Domain, "reg_expires", "600", "reg_sendregister", "1", "publish", "0", "dial_escape_plus", "0")},
	}}
	text, err := xml.MarshalIndent(config, "", "  ")
	return xml.Header + string(text) + "\n", err
}

// quoted writes a display name as a quoted string (RFC 3261 section 25.1).
func quoted(name string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(name) + `"`
}
