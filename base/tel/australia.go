package tel

// australia is written out here (Telecommunications Numbering Plan): what an account can own, be charged for or be saved by must not
// depend on somebody else's table.
var australia = &country{
	letters: "AU", code: "61", trunk: "0",
	prefixes:  []Prefix{{"02", "NSW and ACT"}, {"03", "Victoria and Tasmania"}, {"07", "Queensland"}, {"08", "SA, WA and NT"}},
	local:     expr(`[2-9]\d{7}`),
	abroad:    prefix(`0011`),
	emergency: expr(`000|112|106`),
	short:     expr(`1100|1194|1196|1223|1225|1255[024]`), // before you dig, time, weather, directory, faults
	shortDear: expr(`1234|1245[56]`),                      // find a business and put the call through
	kinds: []ranges{
		{Local, expr(`[2378][2-9]\d{7}`)},
		{Mobile, expr(`4\d{8}`)},
		{N1300, expr(`1300\d{6}`)},
		{N1800, expr(`1800\d{6}|1802\d{3}`)},
		{N13, expr(`13[1-9]\d{3}|1345\d{4}`)},
		// 1900, text services of the same price, dial-up data, satellites, pagers, personal numbers.
		{Premium, expr(`19\d{4}|19\d{6}|19\d{8}|198\d{6}|14[57]\d{6}|16\d{3,7}|500\d{6}`)},
	},
	lengths: []int{6, 7, 8, 9, 10},
	forms: []form{
		{expr(`(\d)(\d{4})(\d{4})`), prefix(`[2378]`), "${1} ${2} ${3}", true},
		{expr(`(\d{3})(\d{3})(\d{3})`), prefix(`4|198|14|500`), "${1} ${2} ${3}", true},
		{expr(`(\d{4})(\d{3})(\d{3})`), prefix(`1300|1800|19`), "${1} ${2} ${3}", false},
		{expr(`(\d{2})(\d{2})(\d{2})`), prefix(`13`), "${1} ${2} ${3}", false},
		{expr(`(\d{3})(\d{4})`), prefix(`180`), "${1} ${2}", false},
		{expr(`(\d{4})(\d{4})`), prefix(`1345`), "${1} ${2}", false},
		{expr(`(\d{2})(\d{3})(\d{0,4})`), prefix(`16`), "${1} ${2} ${3}", true},
		{expr(`(\d+)`), prefix(`1`), "${1}", false},
	},
}
