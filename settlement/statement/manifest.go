package statement

import "encoding/json"

// ManifestFile is the name of the file of a folder that is written last and lists the others.
const ManifestFile = "_statement.json"

// A Manifest is the content of [ManifestFile].
type Manifest struct {
	// Version of the statement, or of the alliance's tables of the date.
	Version int `json:"version"`
	// StatementNo is absent from the alliance's folder.
	StatementNo string          `json:"statement_no,omitempty"`
	Files       []ManifestEntry `json:"files"`
}

// A ManifestEntry is one file of the folder.
type ManifestEntry struct {
	Name   string `json:"name"`
	SHA256 string `json:"sha256"`
	Rows   int64  `json:"rows"`
}

// manifest returns the content of a folder's [ManifestFile].
func manifest(folder *Folder) ([]byte, error) {
	content := Manifest{Version: folder.Version, StatementNo: folder.StatementNo, Files: []ManifestEntry{}}
	for _, file := range folder.Files {
		content.Files = append(content.Files, ManifestEntry{file.Name, file.SHA256, file.Rows})
	}
	body, err := json.MarshalIndent(content, "", "  ")
	if err != nil {
		return nil, err
	}
	return append(body, '\n'), nil
}
