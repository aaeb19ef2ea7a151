// Package kubernetes holds the manifests that settle itself knows: the nightly CronJob, from which the
// Job of a manual rerun is made, so that the two cannot drift apart. README.md beside it is for operators.
package kubernetes

import _ "embed" // the manifest is part of the program

// CronJob is the nightly CronJob as it stands in base/cronjob.yaml, without what an overlay adds.
//
//go:embed base/cronjob.yaml
var CronJob []byte
