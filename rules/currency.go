package rules

import "strings"

// minorUnits lists the currencies of ISO 4217 by the decimals of their minor unit. Codes of
// metals, funds without a minor unit and tests are no currencies to settle in.
var minorUnits = [5]string{
	0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
	2: "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BOV BRL BSD BTN BWP BYN BZD " +
		"CAD CDF CHE CHF CHW CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL " +
		"GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR " +
		"LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD " +
		"PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC " +
		"SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XAD XCD XCG YER ZAR " +
		"ZMW ZWG",
	3: "BHD IQD JOD KWD LYD OMR TND",
	4: "CLF UYW",
}

// MinorDigits returns the decimals of a currency's minor unit; false if ISO 4217 has no such
// currency to settle in.
func MinorDigits(currency string) (int32, bool) { return minorDigits(currency) }

// minorDigits returns the decimals of a currency's minor unit; false if the code is none.
func minorDigits(currency string) (int32, bool) {
	if len(currency) != 3 || strings.Contains(currency, " ") {
		return 0, false
	}
	for digits, codes := range minorUnits {
		if strings.Contains(codes, currency) {
			return int32(digits), true
		}
	}
	return 0, false
}
