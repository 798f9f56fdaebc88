package openid

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
)

// Microsoft Entra ID never sends email_verified: inside a tenant its admins put any address they like into anybody's email. What it can be
// told to send is xms_edov, "email domain owner verified": the address is in a domain that the tenant has proved to own.
const (
	entraHost    = "https://login.microsoftonline.com/"
	entraPeople  = "9188040d-6c67-4c5b-b112-36a304b66dad" // the tenant of everybody's private accounts
	domainProved = "xms_edov"
)

var entraIssuer = regexp.MustCompile(`^https://login\.microsoftonline\.com/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})/v2\.0$`)

// entraTenant returns the ID of the organisation whose tenant the issuer is, or "".
func entraTenant(issuer string) string {
	found := entraIssuer.FindStringSubmatch(issuer)
	if found == nil || found[1] == entraPeople {
		return ""
	}
	return found[1]
}

// IsEntra says whether the issuer is an organisation's tenant of Microsoft Entra ID.
func IsEntra(issuer string) bool { return entraTenant(issuer) != "" }

// SharedEntra says whether the issuer is at Microsoft Entra ID but not one organisation's: "common" and its like sign anybody in, and a
// name in the place of a tenant's ID is not how Entra spells the issuer in its tokens.
func SharedEntra(issuer string) bool {
	return strings.HasPrefix(strings.ToLower(issuer), entraHost) && !IsEntra(issuer)
}

// vouched says whether the issuer vouches for the address of a token of its own: email_verified has to be the JSON value true. An
// Entra tenant's word about its domains counts as well, in any of the four forms that it is sent in, but only about the tenant's own
// people: a guest's address is what another tenant's admins wrote, and the domain would be looked for there too.
func vouched(issuer string, claims map[string]json.RawMessage) bool {
	if string(claims["email_verified"]) == "true" {
		return true
	}
	tenant := entraTenant(issuer)
	if tenant == "" || !slices.Contains([]string{"true", "1", `"1"`, `"true"`}, string(claims[domainProved])) {
		return false
	}
	home, told := text(claims, "idp") // who made sure who it is, where that was not the issuer
	return !told || home == issuer || home == "https://sts.windows.net/"+tenant+"/"
}
