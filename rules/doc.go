// Package rules reads the alliance's agreement.
package rules
