// Package settlement is the vocabulary of the alliance's settlement and the map of the system.
package settlement
