package books

import (
	"errors"

	"alliance/settlement/crash"
	"alliance/settlement/storage"
)

// filesTogether is how many files, and bytesTogether how many bytes, are written at a time where that is less work than one folder
// after the other; a file is open for each. Fewer than foldersTogether folders are not worth it, and those of more than
// mostBytes keep the disk busy on their own.
const (
	filesTogether   = 1536
	bytesTogether   = 1 << 30
	foldersTogether = 4
	mostBytes       = 64 << 20
)

// writeTogether writes folders together where the bucket is one for which that is less work. It returns the folders that are still
// to be written, each on its own.
func (p *projection) writeTogether(folders []folder) (left []folder, err error) {
	groups, left := inGroups(folders)
	for _, group := range groups {
		able, err := p.writeGroup(group)
		if isObstacle(err) || p.leaving && errors.Is(err, ErrBroken) {
			// Only one of them cannot be written: which one that is shows when each is written on its own.
			able, err = false, nil
		}
		if err != nil {
			return nil, err
		}
		if !able {
			left = append(left, group...)
		}
	}
	return left, nil
}

// inGroups returns which folders are to be written together, and which each on its own.
func inGroups(folders []folder) (groups [][]folder, alone []folder) {
	var group []folder
	files, bytes := 0, int64(0)
	end := func() {
		if len(group) >= foldersTogether {
			groups = append(groups, group)
		} else {
			alone = append(alone, group...)
		}
		group, files, bytes = nil, 0, 0
	}
	for i := range folders {
		size := folders[i].bytes()
		if size > mostBytes || len(folders[i].gone()) > 0 {
			alone = append(alone, folders[i])
			continue
		}
		group = append(group, folders[i])
		files, bytes = files+len(folders[i].files), bytes+size
		if files >= filesTogether || bytes >= bytesTogether {
			end()
		}
	}
	end()
	return groups, alone
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
