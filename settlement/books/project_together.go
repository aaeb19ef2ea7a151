package books

import (
	"errors"

	"alliance/settlement/crash"
	"alliance/settlement/storage"
)

// filesTogether is how many files of small folders are written at a time where that is less work than one folder after the
// other; a file is open for each. Fewer than foldersTogether folders are not worth it.
const (
	filesTogether   = 512
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
		if folders[i].isLarge() {
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
	return left, flush()
}

// writeGroup does for several folders what write does for one: the files, those of earlier versions away, the last file of each last.
func (p *projection) writeGroup(group []folder) (able bool, err error) {
	isLast := func(file FileRecord) bool { return file.Name == p.last }
	able, err = p.copyTogether(group, func(file FileRecord) bool { return !isLast(file) })
	if !able || err != nil {
		return able, err
	}
	for i := range group {
		if err := p.removeEarlier(p.ctx, &group[i]); err != nil {
			return true, err
		}
	}
	able, err = p.copyTogether(group, isLast)
	if !able || err != nil {
		return able, err
	}
	for range group {
		crash.At(crash.FolderFinished)
	}
	return true, nil
}

// copyTogether writes those files of some folders that are wanted.
func (p *projection) copyTogether(folders []folder, wanted func(FileRecord) bool) (able bool, err error) {
	targets := make([]storage.Folder, 0, len(folders))
	var bodies []*objectBody
	for _, folder := range folders {
		target := storage.Folder{Key: folder.key}
		for _, file := range folder.files {
			if !wanted(file) {
				continue
			}
			body := p.body(p.ctx, file)
			bodies = append(bodies, body)
			target.Objects = append(target.Objects, storage.Named{Name: file.Name, Body: body})
		}
		if len(target.Objects) > 0 {
			targets = append(targets, target)
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
	return true, nil
}
