package merkle_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"hubline/base/merkle"
)

// leaves and roots are the test vectors of the Certificate Transparency reference implementation for RFC 6962 section 2.1.
var (
	leaves = []string{"", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"}
	roots  = []string{
		"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
		"6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
		"fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
		"aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
		"d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
		"4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
		"76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
		"ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
		"5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
	}
)

func TestRootsOfRFC6962(t *testing.T) {
	t.Parallel()
	tree := &merkle.Tree{}
	for size, want := range roots {
		if root := tree.Root(); hex.EncodeToString(root[:]) != want || tree.Size() != int64(size) {
			t.Errorf("%d leaves: the root is %x, want %s", size, root, want)
		}
		again, err := merkle.Grown(tree.Size(), tree.Peaks())
		if err != nil || again.Root() != tree.Root() {
			t.Errorf("%d leaves: stored and read again: %v", size, err)
		}
		if size < len(leaves) {
			entry, err := hex.DecodeString(leaves[size])
			if err != nil {
				t.Fatal(err)
			}
			again.Append(merkle.Leaf(entry))
			tree = again
		}
	}
}

// The root by RFC 9162 section 2.1.1, word by word: the slow way.
func slow(leaves []merkle.Hash) merkle.Hash {
	if len(leaves) == 1 {
		return leaves[0]
	}
	k := 1
	for k*2 < len(leaves) {
		k *= 2
	}
	left, right := slow(leaves[:k]), slow(leaves[k:])
	return merkle.Node(left, right)
}

func TestRootsAreThoseOfTheDefinition(t *testing.T) {
	t.Parallel()
	var tree merkle.Tree
	var list []merkle.Hash
	for range 300 {
		entry := make([]byte, 20)
		rand.Read(entry)
		list = append(list, merkle.Leaf(entry))
		tree.Append(list[len(list)-1])
		if tree.Root() != slow(list) {
			t.Fatalf("%d leaves: another root than the definition's", len(list))
		}
	}
}

func TestGrownRefusesWhatIsNoTree(t *testing.T) {
	t.Parallel()
	var tree merkle.Tree
	for range 5 {
		tree.Append(merkle.Leaf(nil))
	}
	for name, c := range map[string]struct {
		size  int64
		peaks string
	}{
		"another size": {7, tree.Peaks()}, "negative": {-1, ""}, "no hash": {1, "x"}, "cut": {5, tree.Peaks()[:60]}, "none": {5, ""},
	} {
		if _, err := merkle.Grown(c.size, c.peaks); err == nil {
			t.Errorf("%s: taken for a tree", name)
		}
	}
}

func checkpoint(t *testing.T) (merkle.Checkpoint, ed25519.PrivateKey, merkle.Key) {
	t.Helper()
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	c := merkle.Checkpoint{Origin: "hub.example/audit/a", Size: 7, Root: merkle.Leaf([]byte("x")), At: time.UnixMilli(1_795_000_000_123).UTC()}
	return c, private, merkle.Key{Origin: c.Origin, Public: public}
}

func TestCheckpointsOpenWithTheirKeyOnly(t *testing.T) {
	t.Parallel()
	c, private, key := checkpoint(t)
	note := c.Sign(private)
	got, err := key.Open(note)
	if err != nil || got != c {
		t.Fatalf("opens as %+v, %v; want %+v", got, err, c)
	}
	again, err := merkle.ParseKey(key.String())
	if err != nil || again.String() != key.String() {
		t.Fatalf("the key is read as %v, %v", again, err)
	}
	witness := "— witness.example AAAAAAAA\n"
	if _, err := again.Open(note + witness); err != nil {
		t.Errorf("with a witness beside: %v", err)
	}
	for i := range note { // each byte counts
		wrong := note[:i] + string(note[i]^1) + note[i+1:]
		if _, err := key.Open(wrong); err == nil {
			t.Errorf("byte %d may be another: %q", i, wrong)
		}
		if _, err := key.Open(note[:i]); err == nil {
			t.Errorf("opens when cut at %d", i)
		}
	}
	other := c
	other.Origin = "hub.example/audit/b"
	if _, err := key.Open(other.Sign(private)); err == nil {
		t.Error("a checkpoint of another log opens")
	}
	_, _, stranger := checkpoint(t)
	if _, err := stranger.Open(note); err == nil {
		t.Error("opens with another key")
	}
}

func TestParseKeyRefuses(t *testing.T) {
	t.Parallel()
	_, _, key := checkpoint(t)
	text := key.String()
	for _, wrong := range []string{"", "a+b", text[:len(text)-1], strings.Replace(text, "+", "-", 1), strings.Replace(text, "hub", "hab", 1), text + "A",
		strings.Replace(text, "/a+", "/a+0", 1), strings.Replace(text, "/a+", "/a+\n", 1)} {
		if _, err := merkle.ParseKey(wrong); err == nil {
			t.Errorf("%q is taken for a key", wrong)
		}
	}
}
