package command

import (
	"encoding/json"
	"runtime/debug"
	"testing"

	"alliance/settlement/batch"
)

func TestVersionTellsWhatTheBuildKnows(t *testing.T) {
	code, stdout, _ := settle("version")
	if code != exitDone {
		t.Fatal(code)
	}
	contains(t, stdout, "settle ", "computes as "+batch.Program, "go1.")
	code, stdout, _ = settle("version", "--json")
	var built build
	if err := json.Unmarshal([]byte(stdout), &built); err != nil || code != exitDone || built.Program != batch.Program || built.Version == "" {
		t.Errorf("%v: %s", err, stdout)
	}
	info := &debug.BuildInfo{Main: debug.Module{Version: "v1.2.3"}, Settings: []debug.BuildSetting{
		{Key: "vcs.revision", Value: "abc123"}, {Key: "vcs.time", Value: "2026-01-05T10:00:00Z"}, {Key: "vcs.modified", Value: "true"}}}
	contains(t, describeBuild(info).String(), "settle v1.2.3, revision abc123, modified, computes as ")
	contains(t, describeBuild(nil).String(), "settle unknown, computes as ")
}
