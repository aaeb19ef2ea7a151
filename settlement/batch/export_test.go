package batch

// AccountsIn is for tests outside of the package.
var AccountsIn = accountsIn
