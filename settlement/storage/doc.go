// Package storage keeps objects: bytes under a key, as an object store does. It knows nothing of
// settlement.
//
// A [Bucket] offers the little that every store has. The one operation on which everything else
// rests is [Bucket.Create]: of any number of creators of one key, in any number of processes,
// exactly one succeeds, and every other gets [ErrExists]. What was created is complete and, once
// Create has returned, survives a power failure.
//
// # Keys
//
// A key is valid UTF-8 of 1 to 1024 bytes: segments separated by "/", none of them empty, "." or
// "..", longer than 255 bytes, or starting with ".settle-temporary-"; no NUL. Keys compare as bytes. A key must not be
// the folder of another one: "a" and "a/b" do not live together. A prefix, as [Bucket.List] and
// [Bucket.Folders] take, is the beginning of a key, or empty. Folders are not made or removed:
// a folder is there as long as an object lies in it.
//
// # Versions
//
// [Object] carries a Version: a text that changes when the content does. [Bucket.Open] with a
// version opens that version or returns [ErrChanged]. What is read to its end is one version as a
// whole; if the content changed meanwhile, Read or Close return ErrChanged.
//
// # Parts of objects
//
// [ReaderAt] and [ReadRange] read parts of an object, of one version too. Every part is a request to an
// object store (Range, If-Match), which continues where a connection broke; a store's checksum is of
// the whole, so whoever reads parts has digests of them. A bucket that is no [RangeBucket] is read
// from the start for every part.
//
// # The buckets
//
// [OpenDirectory] keeps objects as files below a directory, which must exist. Only regular files
// count: a symbolic link, pipe, socket or device among them is listed, and opening it fails with
// [ErrIrregular]. So it does for a file that the process may not read, and for a name that is not
// UTF-8, which is listed as it is. A folder that the process may not look into, or whose name makes
// no key, is listed as one object whose key ends with "/"; [Bucket.Folders] names it, as it does
// links, pipes, sockets and devices, and listing what lies in one fails with ErrIrregular. That
// the directory itself may not be read, or that the disk fails, is an error of the store. No path
// leads out of the directory. Create writes a temporary file, checks its length, forces it to disk,
// and moves it to its name by a rename that fails if the name exists, or, where the system or the file
// system has none, by a hard link; then it forces the folder to disk, as it did those above it, and also
// where the name exists already: whoever is refused may rely on what is there; where that fails it is [ErrUnforced]. Of
// those that wait for one folder, many are served at once. The file system must have one or the other.
// Of a body of 256 KiB or more all but the last bytes go to the disk itself, past the system's cache, under Linux where the file
// system can do that: they have to get there anyway, and whoever reads them next usually is another machine.
// [ReplaceFolders] writes the temporary files of many folders, forces the whole file system to disk (syncfs), moves all
// but the last of each folder to their names, does so again, and the same with the last ones: on ext4, XFS, Btrfs and tmpfs under Linux 5.8 or later, which say then what could not be
// written; elsewhere it leaves files to be forced to disk one by one. It waits for what others have written there, too.
// Temporary files are never listed. They lie in the folder ".settle-temporary-files" at the top of the
// directory; where nothing may be written there, or it is another file system, beside the object under
// a name that starts with ".settle-temporary-". Each is locked (flock) while its writer lives. What
// a killed process left in that folder can be locked, and the next process that writes to the
// directory removes it, as [Sweep] does; on a file system without locks it stays, and may be removed
// by hand when no process writes. The version is the modification time in nanoseconds
// and the size: a program that rewrites a file in place within one tick of the file system's
// clock, to the same size, is not noticed here; digests of content are for that.
//
// [OpenS3] keeps objects in a bucket of an object store, see below.
//
// [NewMemory] keeps objects in memory, for tests. The version is a digest of the content.
//
// [Under] shows the part of a bucket below a prefix as a bucket of its own.
//
// # Object stores
//
// [OpenURL] takes s3://bucket/prefix, the prefix as it stands, and after a ? any of these options,
// joined by "&", with values percent-encoded where needed:
//
//	endpoint    URL of a store other than AWS; else AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL or the profile's
//	region      of the bucket; else AWS_REGION or the profile's; us-east-1 for a store other than AWS
//	path_style  true: http://host/bucket/key instead of http://bucket.host/key
//	profile     of the shared configuration and credentials files, before what the environment says
//
// An option of another name is an error. Credentials come from where AWS tools take them: the
// environment, the shared files (single sign-on and assumed roles included), the container or the
// machine; never from the URL. Each bucket has a client of its own, so buckets may have different
// credentials. AWS_CA_BUNDLE names further authorities for https. Opening looks whether the bucket
// may be listed.
//
// The store must offer conditional writes. Create sends If-None-Match: * and is sent once: only if
// the store says that it did nothing (409 because of another write under way, or bytes that
// arrived damaged) is it sent again. After a lost answer the object may be there, and a second
// attempt would have been refused because of the first; the caller has to look. A refusal can get
// lost, too, where a store closes the connection before it has read a large body: an error that is
// not ErrExists. Everything else is tried up to 5 times (AWS_MAX_ATTEMPTS), twice as long apart each
// time. A request that makes no progress for a minute, not one byte, counts as broken.
//
// The version is the ETag. Open asks for it by If-Match, and a body that breaks off is continued
// at its byte under the same condition: 5 times in a row without a new byte and 25 times altogether.
// A body of another length than promised is an error, not an end. Where the store keeps a checksum of the
// whole object (CRC-32, CRC-32C, CRC-64/NVME, SHA-1, SHA-256), which it does for what was created
// here, the last bytes are given out only if it is right. Objects of other programs may have
// none, or one of their parts only; then only https protects them on the way, as it does listings.
//
// Bodies of more than 8 MiB are sent in parts, 3 at a time, which are put together at once and
// under the same condition. Parts of an upload that fails are cleared away. Those of a process that
// is killed stay, unseen and paid for, until [Sweep]; it needs s3:ListBucketMultipartUploads and does
// nothing without. A lifecycle rule of the bucket that aborts incomplete uploads after some days
// catches the rest. Every body is sent with a CRC-32. A body must not be larger than 10,000 times
// 5 GiB, or what the store allows.
//
// The credentials need s3:ListBucket on the bucket, s3:GetObject, s3:PutObject and
// s3:AbortMultipartUpload, and s3:DeleteObject where objects are deleted. The inbox needs the first
// two. Without s3:ListBucket an absent object is refused and not absent; so it is on AWS if a
// condition limits s3:ListBucket to a prefix, which is enough for reading what is there. Package access
// writes policies that have all of it.
//
// Empty objects whose key ends with "/", as consoles make them to show a folder, are not listed,
// but count as folders. Other objects whose keys are none in the sense above are listed, and
// opening them fails with ErrInvalidKey and ErrIrregular. Some stores keep keys as paths of a file
// system: they refuse "a" beside "a/b", as a directory does.
//
// # Errors
//
// [ErrNotFound], [ErrExists], [ErrChanged], [ErrIrregular], [ErrObstructed] and [ErrInvalidKey] are wrapped with the
// key in question; test with errors.Is. Any other error means that the store failed, and for
// Create, Replace and Delete that the outcome is not known. A canceled context stops an operation
// with the context's error. Errors of an object store say which operation on which object failed,
// what the store answered, with the request's id, and what to do; they contain no credentials.
package storage
