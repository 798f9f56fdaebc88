// Command countries prints the table of base/tel for every country but Australia, and examples to test it with, from the metadata of
// libphonenumber (Apache License 2.0) as github.com/nyaruka/phonenumbers carries it:
//
//	go run ./countries -table >../base/tel/countries.txt
//	go run ./countries -examples >../base/tel/testdata/examples.txt
package main

import (
	"bufio"
	"cmp"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/nyaruka/phonenumbers"
)

func main() {
	table, examples := flag.Bool("table", false, "print the table"), flag.Bool("examples", false, "print the examples")
	flag.Parse()
	out := bufio.NewWriter(os.Stdout)
	var err error
	switch {
	case *table:
		err = printTable(out)
	case *examples:
		err = printExamples(out)
	default:
		flag.Usage()
		os.Exit(2)
	}
	if err == nil {
		err = out.Flush()
	}
	if err != nil {
		log.Fatal(err)
	}
}

// home is written out by hand.
func home(m *phonenumbers.PhoneMetadata) bool { return m.GetCountryCode() == 61 }

func printTable(out io.Writer) error {
	all, err := countries()
	if err != nil {
		return err
	}
	emergency, err := emergencies()
	if err != nil {
		return err
	}
	for _, m := range all {
		premium := pattern(m.GetPremiumRate())
		if m.GetId() == "001" && m.GetCountryCode() != 800 { // satellites and shared networks cost as much
			premium = `\d+`
		}
		fmt.Fprintln(out, strings.Join([]string{m.GetId(), fmt.Sprint(m.GetCountryCode()), m.GetNationalPrefix(), m.GetInternationalPrefix(),
			lengths(m), emergency[m.GetId()], premium, pattern(m.GetTollFree()), pattern(m.GetSharedCost()), pattern(m.GetFixedLine()),
			pattern(m.GetMobile())}, "\t"))
		for _, f := range forms(m) {
			fmt.Fprintln(out, f)
		}
		fmt.Fprintln(out)
	}
	return nil
}

// countries returns the metadata of every country but ours, by code, the largest of those that share one first.
func countries() ([]*phonenumbers.PhoneMetadata, error) {
	c, err := phonenumbers.MetadataCollection()
	if err != nil {
		return nil, err
	}
	all := slices.DeleteFunc(c.GetMetadata(), home)
	slices.SortStableFunc(all, func(a, b *phonenumbers.PhoneMetadata) int {
		return cmp.Or(cmp.Compare(a.GetCountryCode(), b.GetCountryCode()), rank(a)-rank(b), cmp.Compare(a.GetId(), b.GetId()))
	})
	return all, nil
}

func rank(m *phonenumbers.PhoneMetadata) int {
	if m.GetMainCountryForCode() {
		return 0
	}
	return 1
}

func emergencies() (map[string]string, error) {
	c, err := phonenumbers.ShortNumberMetadataCollection()
	if err != nil {
		return nil, err
	}
	patterns := map[string]string{}
	for _, m := range c.GetMetadata() {
		patterns[m.GetId()] = pattern(m.GetEmergency())
	}
	return patterns, nil
}

func pattern(d *phonenumbers.PhoneNumberDesc) string {
	if text := tight(d.GetNationalNumberPattern()); text != "NA" {
		return text
	}
	return ""
}

func tight(text string) string { return regexp.MustCompile(`\s`).ReplaceAllString(text, "") }

// lengths writes each length as a letter: a for 1.
func lengths(m *phonenumbers.PhoneMetadata) string {
	var b strings.Builder
	for _, n := range m.GetGeneralDesc().GetPossibleLength() {
		b.WriteByte(byte('a' + n - 1))
	}
	return b.String()
}

var group = regexp.MustCompile(`\$(\d)`)

// forms returns one line for each way in which numbers are written: pattern, first digits, form, and "trunk" when the trunk prefix stands
// in front of it at home.
func forms(m *phonenumbers.PhoneMetadata) []string {
	list := m.GetIntlNumberFormat()
	if len(list) == 0 {
		list = m.GetNumberFormat()
	}
	var lines []string
	for _, f := range list {
		begin, trunk := "", ""
		if patterns := f.GetLeadingDigitsPattern(); len(patterns) > 0 {
			begin = tight(patterns[len(patterns)-1])
		}
		if rule := f.GetNationalPrefixFormattingRule(); m.GetNationalPrefix() != "" && strings.Contains(rule, m.GetNationalPrefix()) {
			trunk = "trunk"
		}
		lines = append(lines, strings.Join([]string{tight(f.GetPattern()), begin, group.ReplaceAllString(f.GetFormat(), "$${$1}"), trunk}, "\t"))
	}
	return lines
}

// printExamples prints E.164, kind and international form of one number of each kind in each country.
func printExamples(out io.Writer) error {
	all, err := countries()
	if err != nil {
		return err
	}
	for _, m := range all {
		for _, kind := range []struct {
			name string
			desc *phonenumbers.PhoneNumberDesc
		}{{"local", m.GetFixedLine()}, {"mobile", m.GetMobile()}, {"1800", m.GetTollFree()}, {"1300", m.GetSharedCost()}, {"premium", m.GetPremiumRate()}} {
			if kind.desc.GetExampleNumber() == "" {
				continue
			}
			e164 := fmt.Sprintf("+%d%s", m.GetCountryCode(), kind.desc.GetExampleNumber())
			n, err := phonenumbers.Parse(e164, "")
			if err != nil {
				return fmt.Errorf("%s: %w", e164, err)
			}
			fmt.Fprintf(out, "%s\t%s\t%s\t%s\n", m.GetId(), e164, kind.name, phonenumbers.Format(n, phonenumbers.INTERNATIONAL))
		}
	}
	return nil
}
