package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"hubline/base/backup"
)

type backupCommand struct {
	Ground
	File  string `arg:"" help:"File to write, made with mode 0600. \"-\" writes to standard output."`
	NoKey bool   `help:"Leave the key out. Then keep it elsewhere: without it nothing that is sealed can be read, and nobody can sign in."`
}

func (c *backupCommand) Run(ctx context.Context, std *streams) (err error) {
	d, err := c.openMigrated(ctx)
	if err != nil {
		return err
	}
	defer d.Close()
	o := backup.Options{Program: thisBuild().Version}
	if !c.NoKey {
		if o.Key, err = c.keyForBackup(); err != nil {
			return err
		}
	}
	p := newProgress(std.err)
	o.Progress = p.rows
	var m *backup.Manifest
	if c.File == "-" {
		out := bufio.NewWriter(std.out)
		if m, err = backup.Write(ctx, d, out, o); err == nil {
			err = out.Flush()
		}
	} else {
		err = writeNew(c.File, func(w io.Writer) error {
			m, err = backup.Write(ctx, d, w, o)
			return err
		})
	}
	p.end()
	if err != nil {
		return err
	}
	key := "with the key; keep the file as safe as the store itself"
	if o.Key == nil {
		key = "without the key"
	}
	fmt.Fprintf(std.err, "%d tables, %d rows, schema %d, %s\n", len(m.Tables), m.Rows(), m.Schema, key)
	return nil
}

// writeNew writes a file that must not exist yet, and leaves nothing behind when it fails. It is on the disk before its name is.
func writeNew(path string, write func(io.Writer) error) (err error) {
	if _, err := os.Lstat(path); err == nil {
		return fmt.Errorf("%s exists; choose another name or remove it", path)
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*") // mode 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	out := bufio.NewWriterSize(f, 1<<20)
	if err := errors.Join(write(out), out.Flush(), f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

type restoreCommand struct {
	Ground
	File  string `arg:"" help:"Backup to restore."`
	Force bool   `help:"Replace what the store holds, and the key file."`
	Check bool   `help:"Only check the backup; change nothing."`
}

func (c *restoreCommand) Run(ctx context.Context, std *streams) error {
	f, err := os.Open(c.File)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	archive, err := backup.Open(ctx, f, info.Size())
	if err != nil {
		return fmt.Errorf("%s: %w", c.File, err)
	}
	m := archive.Manifest
	fmt.Fprintf(std.err, "%s: %d tables, %d rows, schema %d, written %s by Hubline %s; nothing is damaged\n",
		c.File, len(m.Tables), m.Rows(), m.Schema, m.CreatedAt.Format("2006-01-02 15:04:05 UTC"), m.Program)
	if c.Check {
		return nil
	}
	return c.restore(ctx, std, archive)
}

func (c *restoreCommand) restore(ctx context.Context, std *streams, archive *backup.Archive) error {
	d, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer d.Close()
	placeKey, err := c.prepareKey(archive.Key)
	if err != nil {
		return err
	}
	p := newProgress(std.err)
	err = archive.Restore(ctx, d, c.Force, p.rows)
	p.end()
	if errors.Is(err, backup.ErrNotEmpty) {
		return fmt.Errorf("%w; use --force to replace all it holds", err)
	}
	if err != nil {
		return err
	}
	if err := placeKey(); err != nil {
		return fmt.Errorf("the rows are restored but the key file is not: %w", err)
	}
	if archive.Key == nil {
		fmt.Fprintln(std.err, "the backup holds no key: put the key it was made with in place before Hubline starts")
	}
	fmt.Fprintln(std.err, "restored; mails that were waiting when the backup was made are sent when Hubline starts")
	return nil
}

// prepareKey makes sure that the archive's key can be put in place before any row changes, and returns what does it.
func (c *restoreCommand) prepareKey(key []byte) (place func() error, err error) {
	nothing := func() error { return nil }
	if key == nil {
		return nothing, nil
	}
	given, err := c.keyBytes()
	if err != nil {
		return nil, err
	}
	if given != nil {
		if !bytes.Equal(given, key) {
			return nil, errors.New("the backup was made with another key than --key; without its own key nobody can sign in to what it holds")
		}
		return nothing, nil
	}
	have, err := os.ReadFile(c.KeyFile)
	switch {
	case err == nil && bytes.Equal(have, key):
		return nothing, nil
	case err == nil && !c.Force:
		return nil, fmt.Errorf("%s holds another key than the backup; use --force to replace it", c.KeyFile)
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(c.KeyFile), 0o700); err != nil {
		return nil, err
	}
	f, err := os.CreateTemp(filepath.Dir(c.KeyFile), ".key.*")
	if err != nil {
		return nil, err
	}
	_, err = f.Write(key)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return nil, errors.Join(err, os.Remove(f.Name()))
	}
	return func() error { return os.Rename(f.Name(), c.KeyFile) }, nil
}
