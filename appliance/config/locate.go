package config

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"seikan/engine/job/hocon"
)

// home finds SEATUNNEL_HOME: given, in the environment, or by the program's bin directory.
func (l *loader) home() {
	from := "flag"
	home := l.o.Home
	if home == "" {
		home, from = l.o.Properties["SEATUNNEL_HOME"], "flag -DSEATUNNEL_HOME"
	}
	if home == "" {
		home, from = l.o.Env("SEATUNNEL_HOME"), "environment SEATUNNEL_HOME"
	}
	if home == "" && l.o.Executable != "" {
		if bin := filepath.Dir(l.o.Executable); filepath.Base(bin) == "bin" {
			up := filepath.Dir(bin)
			for _, dir := range []string{filepath.Join(up, "share", "seikan"), up} { // as a package installs it, as it is unpacked
				if _, err := l.o.ReadFile(filepath.Join(dir, "config", "seatunnel.yaml")); !errors.Is(err, fs.ErrNotExist) {
					home, from = dir, "the program's place"
					break
				}
			}
		}
	}
	l.cfg.Home = home
	if home != "" {
		l.set(Setting{Key: "SEATUNNEL_HOME", Value: home, From: from})
		l.dirs = append(l.dirs, filepath.Join(home, "config"))
	}
	l.dirs = append(l.dirs, ".")
}

func (l *loader) exists(path string) bool {
	_, err := l.o.ReadFile(path)
	return err == nil
}

// fileKind is a kind of file and what may choose its path.
type fileKind struct {
	name, root, property, env, flag string
	shipped                         string // what counts when there is no file
}

// file reads a file by the rules of its kind. Its path is where it would stand when it is not there.
func (l *loader) file(k fileKind) (data []byte, path string) {
	var why string
	switch {
	case k.flag != "":
		path, why = k.flag, "flag"
	case l.o.Properties[k.property] != "":
		path, why = l.o.Properties[k.property], "flag -D"+k.property
	case k.env != "" && l.o.Env(k.env) != "":
		path, why = l.o.Env(k.env), "environment "+k.env
	case l.props[k.property] != "":
		path, why = l.props[k.property], "JVM option -D"+k.property
	}
	if why != "" {
		data, err := l.o.ReadFile(path)
		if err != nil {
			l.unreadable(path, why, err)
		}
		l.found(k.name, path, why, err == nil)
		return data, path
	}
	stem := strings.TrimSuffix(k.name, ".yaml")
	for _, dir := range l.dirs {
		names := []string{k.name}
		if stem != k.name {
			names = append(names, stem+".yml")
		}
		why = "the working directory"
		if dir != "." {
			why = "SEATUNNEL_HOME"
		}
		for _, name := range names {
			path = filepath.Join(dir, name)
			data, err := l.o.ReadFile(path)
			if err == nil {
				l.found(k.name, path, why, true)
				return data, path
			}
			if errors.Is(err, fs.ErrPermission) && l.cfg.Role == Client && k.shipped != "" {
				l.found(k.name, path, why, false) // it may hold secrets of the nodes, and a client can do without
				l.cfg.Notes = append(l.cfg.Notes, path+" is not readable by this user: the shipped settings hold")
				return []byte(k.shipped), path
			}
			if !errors.Is(err, fs.ErrNotExist) {
				l.unreadable(path, why, err)
				l.found(k.name, path, why, false)
				return nil, path
			}
		}
	}
	path = filepath.Join(l.dirs[0], k.name)
	l.found(k.name, path, "", false)
	note := "looked for at " + path
	if k.shipped != "" {
		note += "; what the shipped file says holds"
		l.cfg.Notes = append(l.cfg.Notes, k.name+" was not found at "+path+": the shipped settings hold")
	}
	l.set(Setting{Key: "file " + k.name, Value: "none", From: "default", Note: note})
	return []byte(k.shipped), path
}

func (l *loader) unreadable(path, why string, err error) {
	message := fmt.Sprintf("read %s (named by %s): %v", path, why, err)
	if errors.Is(err, fs.ErrNotExist) {
		message = fmt.Sprintf("Error: File %s does not exist.", path)
	}
	l.fail(hocon.Pos{}, codeFile, "named by "+why, "%s", message)
}

func (l *loader) found(name, path, why string, found bool) {
	l.cfg.Files = append(l.cfg.Files, File{Name: name, Path: path, Found: found, Why: why})
	if found {
		l.set(Setting{Key: "file " + name, Value: path, From: why})
	}
}

// document is a file's content. Of one that was not found it is the shipped settings, and their
// positions name no file.
func (l *loader) document(k fileKind) (tree *hocon.Value, path string) {
	data, path := l.file(k)
	shown := path
	if !l.cfg.Files[len(l.cfg.Files)-1].Found {
		shown = ""
	}
	return l.source().tree(k.root, shown, data), path
}
