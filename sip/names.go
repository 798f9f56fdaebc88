package sip

// A nameID numbers the header names this package knows; 0 is any other name. Known names are compared as numbers and written in the
// spelling of their RFC, whatever spelling they came in.
type nameID uint8

const (
	hOther nameID = iota
	hVia
	hFrom
	hTo
	hCallID
	hCSeq
	hContact
	hMaxForwards
	hContentLength
	hContentType
	hRoute
	hRecordRoute
	hExpires
	hAuthorization
	hProxyAuthorization
	hWWWAuthenticate
	hProxyAuthenticate
	hRequire
	hProxyRequire
	hSupported
	hUnsupported
	hUserAgent
	hServer
	hAllow
	hAccept
	hAcceptEncoding
	hContentDisposition
	hContentEncoding
	hDate
	hEvent
	hAllowEvents
	hSubscriptionState
	hSessionExpires
	hMinSE
	hRSeq
	hRAck
	hReason
	hReferTo
	hReferredBy
	hReplaces
	hPath
	hPrivacy
	hPAssertedIdentity
	hPPreferredIdentity
	hDiversion
	hHistoryInfo
	hTimestamp
	hMinExpires
	hRetryAfter
	hWarning
	hSubject
	hIdentity
	hAlertInfo
	hCallInfo
	hSIPETag
	hSIPIfMatch
	hMIMEVersion
	hInfoPackage
	hRecvInfo
	hReplyTo
	hOrganization
	hAuthenticationInfo
	hAcceptLanguage
	hContentLanguage
	nameCount
)

// names holds the spelling that is written.
var names = [nameCount]string{
	hVia: "Via", hFrom: "From", hTo: "To", hCallID: "Call-ID", hCSeq: "CSeq", hContact: "Contact", hMaxForwards: "Max-Forwards",
	hContentLength: "Content-Length", hContentType: "Content-Type", hRoute: "Route", hRecordRoute: "Record-Route", hExpires: "Expires",
	hAuthorization: "Authorization", hProxyAuthorization: "Proxy-Authorization", hWWWAuthenticate: "WWW-Authenticate",
	hProxyAuthenticate: "Proxy-Authenticate", hRequire: "Require", hProxyRequire: "Proxy-Require", hSupported: "Supported",
	hUnsupported: "Unsupported", hUserAgent: "User-Agent", hServer: "Server", hAllow: "Allow", hAccept: "Accept",
	hAcceptEncoding: "Accept-Encoding", hContentDisposition: "Content-Disposition", hContentEncoding: "Content-Encoding", hDate: "Date",
	hEvent: "Event", hAllowEvents: "Allow-Events", hSubscriptionState: "Subscription-State", hSessionExpires: "Session-Expires",
	hMinSE: "Min-SE", hRSeq: "RSeq", hRAck: "RAck", hReason: "Reason", hReferTo: "Refer-To", hReferredBy: "Referred-By",
	hReplaces: "Replaces", hPath: "Path", hPrivacy: "Privacy", hPAssertedIdentity: "P-Asserted-Identity",
	hPPreferredIdentity: "P-Preferred-Identity", hDiversion: "Diversion", hHistoryInfo: "History-Info", hTimestamp: "Timestamp",
	hMinExpires: "Min-Expires", hRetryAfter: "Retry-After", hWarning: "Warning", hSubject: "Subject", hIdentity: "Identity",
	hAlertInfo: "Alert-Info", hCallInfo: "Call-Info", hSIPETag: "SIP-ETag", hSIPIfMatch: "SIP-If-Match", hMIMEVersion: "MIME-Version",
	hInfoPackage: "Info-Package", hRecvInfo: "Recv-Info", hReplyTo: "Reply-To", hOrganization: "Organization",
	hAuthenticationInfo: "Authentication-Info", hAcceptLanguage: "Accept-Language", hContentLanguage: "Content-Language",
}

// compact maps the one-letter forms (IANA SIP header fields registry) to their names.
var compact = [26]nameID{
	'b' - 'a': hReferredBy, 'c' - 'a': hContentType, 'e' - 'a': hContentEncoding, 'f' - 'a': hFrom, 'i' - 'a': hCallID,
	'k' - 'a': hSupported, 'l' - 'a': hContentLength, 'm' - 'a': hContact, 'o' - 'a': hEvent, 'r' - 'a': hReferTo,
	's' - 'a': hSubject, 't' - 'a': hTo, 'u' - 'a': hAllowEvents, 'v' - 'a': hVia, 'x' - 'a': hSessionExpires, 'y' - 'a': hIdentity,
}

// nameTable is an open hash over names; the hash takes three letters and the length, so that a look-up costs one comparison.
var nameTable = func() (t [256]nameID) {
	for id := hVia; id < nameCount; id++ {
		h := nameHash(names[id])
		for t[h] != hOther {
			h++
		}
		t[h] = id
	}
	return t
}()

func nameHash(s string) uint8 {
	first, middle, last := s[0]|0x20, s[len(s)/2]|0x20, s[len(s)-1]|0x20
	return first*7 + middle*31 + last*113 + uint8(len(s))*5
}

// nameOf finds the number of a header name, in any case, long or compact.
func nameOf(s string) nameID {
	if len(s) == 1 {
		if c := s[0] | 0x20; 'a' <= c && c <= 'z' {
			return compact[c-'a']
		}
		return hOther
	}
	if s == "" {
		return hOther
	}
	for h := nameHash(s); nameTable[h] != hOther; h++ {
		if id := nameTable[h]; equalFold(names[id], s) {
			return id
		}
	}
	return hOther
}
