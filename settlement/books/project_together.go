package books

import (
	"errors"

	"alliance/settlement/crash"
	"alliance/settlement/storage"
)

// filesTogether is how many files of small folders are written at a time where that is less work than one folder after the
// other; a file is open for each. Fewer than foldersTogether folders are not worth it.
const (
	filesTogether   = 1536
	foldersTogether = 4
)

// writeTogether writes small folders together where the bucket is one for which that is less work. It returns the folders that are still
// to be written, each on its own.
func (p *projection) writeTogether(folders []folder) (left []folder, err error) {
	var group []folder
	files := 0
	flush := func() error {
		done, err := len(group) >= foldersTogether, error(nil)
		if done {
			done, err = p.writeGroup(group)
		}
		if !done {
			left = append(left, group...)
		}
		group, files = nil, 0
		return err
	}
	for i := range folders {
		if folders[i].isLarge() || len(folders[i].gone()) > 0 {
			left = append(left, folders[i])
			continue
		}
		group = append(group, folders[i])
		if files += len(folders[i].files); files >= filesTogether {
			if err := flush(); err != nil {
				return nil, err
			}
		}
	}
	err = flush()
	return left, err
}

// writeGroup writes folders of which no file of an earlier version has to go: the files, the last file of each last.
func (p *projection) writeGroup(group []folder) (able bool, err error) {
	targets := make([]storage.Folder, len(group))
	var bodies []*objectBody
	for i, folder := range group {
		targets[i].Key = folder.key
		others, last := p.inOrder(folder.files)
		for _, file := range append(others, last...) {
			body := p.body(p.ctx, file)
			bodies = append(bodies, body)
			targets[i].Objects = append(targets[i].Objects, storage.Named{Name: file.Name, Body: body})
		}
	}
	able, err = storage.ReplaceFolders(p.ctx, p.bucket, targets)
	for _, body := range bodies {
		err = errors.Join(err, body.Close())
	}
	if !able || err != nil {
		return able, err
	}
	for _, body := range bodies {
		p.copied(body)
	}
	for range group {
		crash.At(crash.FolderFinished)
	}
	return true, nil
}
