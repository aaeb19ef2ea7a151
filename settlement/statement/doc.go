// Package statement writes the tables that a night publishes and reads them back.
package statement
