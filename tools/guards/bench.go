package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"
)

const helper = `package %s

import (
	"os"
	"strconv"
	"sync"
%s)

var (
	guardNumber = os.Getenv("GUARD_OFF")
	guardLog, _ = os.OpenFile(os.Getenv("GUARD_LOG"), os.O_APPEND|os.O_WRONLY, 0)
	guardsMet   sync.Map
)

func guardOff(n int) bool {
	if guardLog != nil {
		if _, met := guardsMet.LoadOrStore(n, true); !met {
			guardLog.WriteString(strconv.Itoa(n) + "\n")
		}
	}
	return guardNumber != "" && guardNumber == strconv.Itoa(n)
}

func guardPassed(n int, err error) error {
	if guardOff(n) {
		return nil
	}
	return err
}

func guardWeaker(n int, p %sPermission) %sPermission {
	if guardOff(n) {
		return %sViewHome
	}
	return p
}

func guardPerson(n int, err error) error {
	if f, ok := fault.Of(err); guardOff(n) && ok && f.Code == "session-confined" {
		return nil
	}
	return err
}

func guardAnd(n int, x bool, y func() bool) bool {
	if guardOff(n) {
		return x || y()
	}
	return x && y()
}

func guardOr(n int, x bool, y func() bool) bool {
	if guardOff(n) {
		return x && y()
	}
	return x || y()
}
`

// overlay writes the files with switches and returns the file that tells the go command of them.
func overlay(root, dir string, guards []guard) (string, error) {
	replace, files := map[string]string{}, map[string][]guard{}
	for _, g := range guards {
		files[g.file] = append(files[g.file], g)
	}
	write := func(name string, text []byte) error {
		at := filepath.Join(dir, strings.ReplaceAll(name, "/", "_"))
		replace[filepath.Join(root, name)] = at
		return os.WriteFile(at, text, 0o600)
	}
	for name, guards := range files {
		text, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			return "", err
		}
		room, imports, from := path.Dir(name), "\t\"hubline/base/fault\"\n", ""
		if room != rooms[0] {
			imports, from = imports+"\t\"hubline/product/account\"\n", "account."
		}
		if err := write(name, switched(text, guards)); err != nil {
			return "", err
		}
		if err := write(room+"/guards_off.go", fmt.Appendf(nil, helper, path.Base(room), imports, from, from, from)); err != nil {
			return "", err
		}
	}
	text, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	name := filepath.Join(dir, "overlay.json")
	return name, os.WriteFile(name, text, 0o600)
}
