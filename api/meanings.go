package api

import "net/http"

// meaning explains a kind of problem on its own page. Its code never changes once published.
type meaning struct {
	status int
	title  string
	text   string
}

// meanings holds every code that the API answers with. A test compares it with the codes in the rooms.
var meanings = map[string]meaning{
	// Who asks, and may they.
	"key-missing":           {401, "No API key", "The request has no header Authorization: Bearer <key>."},
	"key-unknown":           {401, "Key does not work", "The API key is mistyped, expired or revoked, or the person it was made for no longer has access to the account."},
	"scope-missing":         {403, "Scope missing", "The key was made without the scope that this operation needs. Scopes of a key can't be changed; a new key is needed."},
	"maker-restricted":      {403, "Maker is kept out", "The account asks something of everybody who signs in, such as a second factor, which the person the key was made for does not have. The key works again when they do."},
	"membership-restricted": {403, "Something is missing", "The account asks something of everybody who signs in, such as a second factor. People are told in the portal; keys get maker-restricted."},
	"role-missing":          {403, "Role missing", "The person the key was made for does not have the role that this operation needs. A key never can more than that person."},
	"account-suspended":     {403, "Account suspended", "The provider suspended the account. Its keys work again when it does."},
	"account-closing":       {403, "Account closing", "The account is being closed. Its keys work again only if the provider takes that back."},
	"check-needed":          {403, "Confirmation needed", "People in the portal confirm this with a code by email. Keys do not need to."},
	"rate-limit":            {429, "Too many requests", "The key asked more often than its limit allows. Wait for the seconds in Retry-After; RateLimit-Remaining tells beforehand."},
	"wrong-keys":            {429, "Too many wrong keys", "Too many keys that do not work came from your network. Keys that worked lately are not slowed by this."},

	// Where.
	"unknown-host":    {421, "Unknown host", "The request names a host that is not this installation's. Addresses begin as the reference shows."},
	"no-such-address": {404, "No such address", "The API has nothing at this path. Paths are exact: no doubled and no final slash."},
	"not-found":       {404, "Not found", "There is no such account or item, or it is not one that your key may know of."},
	"method":          {405, "Method does nothing here", "The address exists but does not take this method. The header Allow lists those it takes."},

	// How it was sent.
	"body-missing":         {422, "Body missing", "The operation needs a JSON object as its body."},
	"body-unwanted":        {422, "Body not wanted", "The operation takes no body, so that nothing in it can be meant and be lost."},
	"body-form":            {422, "Body is no object", "The body has to be one JSON object, not nested deeply."},
	"body-syntax":          {400, "Body is no JSON", "The body is not JSON in UTF-8. The detail says where reading stopped."},
	"body-kind":            {415, "Body of another kind", "Bodies are JSON, sent with Content-Type: application/json."},
	"body-large":           {413, "Body too large", "A body may have at most 1 MB."},
	"body-slow":            {408, "Body too slow", "The body did not arrive within ten seconds."},
	"body-broken":          {400, "Body incomplete", "The connection ended before the body did."},
	"query-form":           {422, "Query can't be read", "What follows the question mark is not name=value&name=value with special characters as %XX."},
	"parameter-unknown":    {422, "Unknown parameter", "The operation has no parameter of that name. A mistyped filter would otherwise choose everything."},
	"parameter-twice":      {422, "Parameter doubled", "A parameter came more than once; readers would pick different ones."},
	"parameter-characters": {422, "Characters not allowed", "A parameter holds control characters or bytes that are no UTF-8."},
	"field-unknown":        {422, "Unknown field", "The body has a field that the operation does not take. Names are exact, capitals too."},
	"field-missing":        {422, "Field missing", "The body lacks a field that the operation needs."},
	"field-twice":          {422, "Field doubled", "A field comes twice in the body; readers would pick different ones."},
	"field-characters":     {422, "Character not allowed", "A text in the body holds the character NUL."},
	"field-null":           {422, "Field is null", "Null could mean empty or unchanged. Send a value, or leave the field out to keep what is there."},
	"field-type":           {422, "Wrong type", "The value is of another type: a number where there should be text, for instance."},
	"field-choice":         {422, "Not one of the choices", "The value has to be one of those that the detail lists."},
	"field-long":           {422, "Too long", "The value has more characters or entries than can be kept."},
	"field-range":          {422, "Out of range", "The number is smaller or larger than can be."},
	"field-form":           {422, "Wrong form", "The value does not have the form that the detail describes."},
	"url-form":             {422, "Wrong address", "The address of a webhook begins with https:// and holds no user name, password or fragment."},
	"url-inner":            {422, "Inner address", "The address of a webhook has to be on the public internet."},
	"events-empty":         {422, "No events", "A webhook is sent at least one type of events."},
	"event-unknown":        {422, "Unknown event", "There is no such type of events."},
	"delivery-state":       {422, "Unknown state", "Deliveries are waiting, delivered or failed."},
	"url-empty":            {422, "No address", "A webhook needs an address to send to."},
	"url-long":             {422, "Address too long", "The address of a webhook has at most 500 characters."},
	"webhook-limit":        {409, "Too many webhooks", "The account has as many webhooks as there can be. Delete one first."},
	"webhook-none-failed":  {409, "Nothing failed", "No delivery to the webhook was given up."},
	"webhook-paused":       {409, "Webhook paused", "Nothing is sent to a paused webhook, no test either. Resume it first."},
	"webhook-often":        {429, "Too many tests", "The account asked for more tests and repetitions than can be sent in a minute."},
	"cursor-unknown":       {422, "Unknown page", "after is not a next of this list with the same filters and the same order. Begin again without it."},
	"sort-unknown":         {422, "Unknown order", "The list can't be sorted by that."},
	"status-unknown":       {422, "Unknown status", "The list can't be filtered by that."},
	"audit-years":          {422, "Years out of range", "Entries of the audit log are kept for ever, or for at least one year."},
	"area-unknown":         {422, "Unknown area", "The audit log has no such area."},

	// Repeats and changes by others.
	"idempotency-form":       {422, "Key for repeats has a wrong form", "Idempotency-Key has to be one text of 1 to 255 visible ASCII characters."},
	"idempotency-reused":     {422, "Key for repeats was used", "The same Idempotency-Key came with another request within a day. A new request needs a new key."},
	"idempotency-running":    {409, "Still running", "The first request with this Idempotency-Key has no answer yet. Wait for the seconds in Retry-After, then send it again."},
	"idempotency-unfinished": {409, "Broken off", "The first request with this Idempotency-Key broke off, for instance because the server stopped. Nobody knows whether it took effect: look before you send it with a new key."},
	"if-match-form":          {422, "If-Match can't be read", "If-Match has to be one ETag as it was answered, with its quotes, or *."},
	"changed-meanwhile":      {412, "Changed meanwhile", "The item is not as it was when it had the ETag in If-Match. Get it again, then decide anew."},
	"busy":                   {503, "Busy", "Too many changes at the same time. Nothing was done; the same request may succeed in a moment."},
	"too-slow":               {504, "Too slow", "The request was given up after thirty seconds. Nobody knows whether it took effect: look before you send it again."},
	"internal":               {500, "Our fault", "Something failed that should not have. It is in our log under the number at the end of instance."},

	// People.
	"name-empty":      {422, "No name", "A name is needed."},
	"name-long":       {422, "Name too long", "The name has too many characters."},
	"name-characters": {422, "Characters not allowed in a name", "The name has characters that can't be shown, or that names of accounts don't have."},
	"name-link":       {422, "Address in a name", "Names can't hold web and email addresses, so that nobody can spread them with our mails."},
	"name-digits":     {422, "Telephone number in a name", "Names can't hold telephone numbers, so that nobody can spread them with our mails."},
	"role-unknown":    {422, "Unknown role", "Roles are admin and billing. A Standard user has an empty list."},
	"state-unknown":   {422, "Unknown state", "A hub user can be set to active or deactivated. To remove somebody, delete them."},
	"own-roles":       {422, "More access for oneself", "Nobody gives more access to themselves, nor does a key to the person it was made for."},
	"own-sessions":    {409, "Signing oneself out", "A key can't sign out the person it was made for. They do that on their own pages."},
	"sessions-none":   {409, "Nothing to sign out of", "The hub user is deactivated, and no session lets them in."},
	"own-state":       {409, "Deactivating oneself", "A key can't deactivate the person it was made for."},
	"own-removal":     {409, "Removing oneself", "A key can't remove the person it was made for."},
	"last-admin":      {409, "Only admin", "The account would be left without an active admin. Make somebody else an admin first."},

	// Groups.
	"group-name-taken": {422, "Name taken", "Another group of the account has that name."},
	"group-limit":      {409, "Too many groups", "The account has as many groups as there can be. Delete one that nobody needs."},
	"group-nobody":     {422, "Nobody named", "The request names no hub user."},
	"group-too-many":   {422, "Too many people", "One request names at most 1000 hub users."},
	"group-stranger":   {422, "Not a hub user", "The address has no access to the account. Invite it first."},

	"group-unknown": {422, "No such group", "The account has no group of that ID."},

	// Access reviews.
	"review-size":     {409, "Too many or none", "A request decides about 1 to 500 people."},
	"review-decision": {422, "Decided twice", "A request decides about everybody at most once."},
	"review-refused":  {409, "Every decision refused", "None of the decisions was carried out, and nothing was recorded. The member errors has the reason of each, by its place in the request. Read the list again, then decide."},
	"review-months":   {422, "Unknown time", "Admins are reminded after 3, 6 or 12 months, or not at all."},

	// Visits of the provider's staff.
	"visit-answered": {409, "Answered before", "The visit was answered, or nobody answered it in a day. Look at how it stands."},
	"visit-over":     {409, "Over already", "The visit has ended, or was refused."},
	"grant-hours":    {422, "Hours out of range", "Staff can be let in ahead of time for 1 to 72 hours."},

	// Lists to import.
	"import-empty":      {422, "Nothing in it", "The list has no lines below its headings."},
	"import-large":      {422, "Too large", "The list has more lines or bytes than one import takes. Send it in parts."},
	"import-unreadable": {422, "Not CSV", "The text can't be read as CSV in UTF-8."},
	"import-columns":    {422, "Columns unclear", "The first line does not name the columns, or two columns are the same."},
	"import-started":    {409, "Started already", "The import runs or has run. Send the list again to change more."},
	"outcome-unknown":   {422, "Unknown outcome", "Lines can't be filtered by that."},

	// Invitations.
	"email-empty":          {422, "No address", "An email address is needed."},
	"email-form":           {422, "Not an address", "The text is not one email address in the form name@example.com."},
	"message-long":         {422, "Message too long", "The message of an invitation has at most 500 characters."},
	"message-characters":   {422, "Characters not allowed in a message", "The message has characters that can't be shown."},
	"too-many-addresses":   {422, "Too many addresses", "One request invites one person."},
	"already-member":       {422, "Has access already", "The address belongs to a hub user of the account. Change that hub user instead."},
	"already-deactivated":  {422, "Is deactivated", "The address belongs to a deactivated hub user. Set their state to active instead."},
	"already-invited":      {422, "Is invited already", "The address has a pending invitation. Send that one again, or cancel it first."},
	"recipient-limit":      {422, "Invited too often", "The address got as many invitations this week, over all accounts, as anybody may."},
	"daily-invitations":    {429, "Daily limit reached", "The account sent as many invitations in a day as it may. Your provider can raise the limit."},
	"resend-soon":          {429, "Sent a moment ago", "An invitation can be sent again after a minute."},
	"resend-limit":         {409, "Sent too often", "The invitation was sent as often, or as long ago, as it can be. Cancel it and invite again."},
	"invitation-accepted":  {409, "Accepted already", "The person has accepted. Change them among the hub users."},
	"invitation-declined":  {409, "Declined", "The person declined. Invite them again if they agree."},
	"invitation-cancelled": {409, "Cancelled", "The invitation was cancelled. Invite again."},
	"invitation-expired":   {409, "Ran out", "The invitation ran out too long ago to be sent again. Invite again."},
	"invitation-voided":    {409, "Stopped", "The invitation stopped, as its inviter is no longer an admin. Invite again."},
	"invitation-replaced":  {409, "Replaced", "A newer invitation went to the same address."},

	// Phone users.
	"phone-user-limit":     {409, "Plan is full", "The account uses as many phone users as its plan holds. Open a ticket to ask for more, or delete one."},
	"extension-empty":      {422, "No extension", "A phone user needs an extension."},
	"extension-form":       {422, "Extension has a wrong form", "An extension has 2 to 6 digits and does not begin with 0."},
	"extension-emergency":  {422, "Extension is an emergency number", "Emergency numbers always reach the emergency services."},
	"extension-outside":    {422, "Extension is an outside number", "The digits mean a service of the telephone network, which nobody could dial any more."},
	"extension-taken":      {422, "Extension is taken", "Another phone user of the account has the extension. The detail names them and one that is free."},
	"extension-fixed":      {422, "Extension is fixed", "An extension can't change once it is set."},
	"display-name-empty":   {422, "No display name", "A phone user needs a display name."},
	"email-needed":         {422, "Address needed", "While the app is on, set-up links need an email address to go to."},
	"local-prefix":         {422, "Unknown local prefix", "The local prefix has to be one of the area codes that the detail lists, or empty."},
	"caller-id-not-owned":  {422, "Caller ID is not yours", "The caller ID has to be a number of the account."},
	"caller-id-kind":       {422, "Caller ID can't be shown", "Only local and mobile numbers can be shown to people who are called; 13, 1300 and 1800 numbers never."},
	"sms-number-not-owned": {422, "SMS number is not yours", "The SMS number has to be a mobile number of the account."},
	"sms-number-kind":      {422, "SMS number is no mobile", "Only mobile numbers can send text messages."},
	"app-off":              {409, "App is off", "Set-up links go only to phone users whose app is on."},
	"details-limit":        {429, "Sent too often", "The phone user got as many set-up links in a day as there can be."},

	// Numbers.
	"service-name-empty":      {422, "No service name", "A number needs a service name."},
	"service-name-long":       {422, "Service name too long", "A service name has at most 60 characters."},
	"service-name-characters": {422, "Characters not allowed in a service name", "The service name has characters that can't be shown."},
	"route-form":              {422, "Route does not fit its kind", "A route of kind phone-user needs a phone_user_id; one of kind nowhere has none."},
	"phone-user-unknown":      {422, "No such phone user", "A number can lead to a phone user of the same account only."},

	// Calls and reports.
	"call-over":           {409, "Over already", "The call has ended, or nobody here runs it any more."},
	"call-status-unknown": {422, "Unknown status", "Calls end as answered, unanswered, cancelled, busy or unavailable."},
	"direction-unknown":   {422, "Unknown direction", "Calls are inbound, outbound or internal."},
	"report-days":         {422, "Too many days", "A report looks back 1 to 3660 days."},
	"report-direction":    {422, "Report has one direction", "Inbound and outbound calls are reports of their own; all-calls can be filtered by direction."},
	"report-range":        {422, "Range can't be", "until has to be after since, and at most ten years later."},
	"stopping":            {503, "Stopping", "The server is about to stop. The same request may succeed in a moment."},

	// Tickets.
	"ticket-kind":        {422, "Unknown kind", "A ticket is of kind phone-user-limit or question."},
	"ticket-state":       {422, "Unknown state", "An answer leaves a ticket open or closed; lists can be filtered by open, answered and closed."},
	"subject-empty":      {422, "No subject", "A question needs a subject."},
	"subject-long":       {422, "Subject too long", "A subject has at most 120 characters."},
	"text-empty":         {422, "No text", "A question needs a description, and an answer that does not close the ticket needs a text."},
	"text-long":          {422, "Text too long", "Descriptions and answers have at most 2,000 characters."},
	"text-characters":    {422, "Characters not allowed in a text", "The text has characters that can't be shown."},
	"wanted-range":       {422, "Not more than the plan", "phone_users has to be more than the plan holds now."},
	"limit-request-open": {409, "Asked for already", "A ticket that is not closed asks for more phone users. Answer that one."},
	"tickets-waiting":    {409, "Too many tickets wait", "Twenty tickets of the account wait for the provider. Close one, or wait for answers."},
	"tickets-daily":      {409, "Too many tickets today", "The account opened a hundred tickets within a day."},
	"ticket-closed":      {409, "Closed", "A closed ticket takes no answers. Open a new one and name its number."},
	"ticket-full":        {409, "Too many answers", "The ticket has two hundred answers. Open a new one and name its number."},

	// The account.
	"time-zone":        {422, "Unknown time zone", "The time zone has to be an IANA name such as Australia/Sydney."},
	"invitation-hours": {422, "Life of invitations out of range", "Invitations work for 1 to 720 hours."},
	"check-minutes":    {422, "Life of checks out of range", "A check stays fresh for 0 to 120 minutes."},
}

// title returns the few words of a kind of problem.
func title(code string, status int) string {
	if m, ok := meanings[code]; ok {
		return m.title
	}
	return http.StatusText(status)
}
