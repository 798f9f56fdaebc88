package account

// Leaf is what the tree hashes of an entry.
func Leaf(e AuditEntry, accountID string) []byte { return e.leaf(accountID) }

// AuditPurpose names the key that signs checkpoints.
const AuditPurpose = auditPurpose
