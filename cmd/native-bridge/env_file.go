package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"nativebridge/adapters"
	"nativebridge/domain"
)

// readEnvFile reads an environment file. One that does not exist is empty.
func readEnvFile(path string) (map[string]string, error) {
	content, err := os.ReadFile(path) // #nosec G304 -- the operator names the file
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read the environment file: %w", err)
	}
	values, err := adapters.ParseEnv(string(content))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return values, nil
}

// mergeEnvFile adds settings to the file, and keeps what else is in it. Only with
// replace it changes a value that is there. The file is readable for its owner alone.
func mergeEnvFile(path string, found []domain.TenantSetting, replace bool) (changed bool, err error) {
	have, err := readEnvFile(path)
	if err != nil {
		return false, err
	}
	var differ, added []string
	values := map[string]string{}
	for _, setting := range found {
		value, there := have[setting.Name]
		values[setting.Name] = setting.Value.Reveal()
		switch {
		case !there:
			if setting.Note != "" {
				added = append(added, "# "+setting.Note)
			}
			added = append(added, setting.Name+"="+adapters.QuoteEnv(setting.Value.Reveal()))
		case value != setting.Value.Reveal():
			differ = append(differ, setting.Name)
		}
	}
	if len(differ) > 0 && !replace {
		return false, otherValues(path, differ)
	}
	if len(differ) == 0 && len(added) == 0 {
		return false, nil
	}
	old, err := os.ReadFile(path) // #nosec G304 -- the operator names the file
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, fmt.Errorf("read the environment file: %w", err)
	}
	return true, replaceFile(path, merged(string(old), values, added))
}

func otherValues(path string, names []string) error {
	return fmt.Errorf("%s has other values of %s: --force replaces them, --env-file names another file", path, strings.Join(names, ", "))
}

// merged returns the old text with new values, and the added lines after it.
func merged(old string, values map[string]string, added []string) string {
	var lines []string
	if old != "" {
		lines = strings.Split(strings.TrimSuffix(old, "\n"), "\n")
	}
	for i, line := range lines {
		name, _, found := strings.Cut(strings.TrimSpace(line), "=")
		if value, known := values[name]; found && known {
			lines[i] = name + "=" + adapters.QuoteEnv(value)
		}
	}
	return strings.Join(append(lines, added...), "\n") + "\n"
}

// replaceFile puts a new file in place of the old one at once, so that no reader and no
// interruption finds half of it.
func replaceFile(path, content string) error {
	file, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*") // 0600
	if err != nil {
		return fmt.Errorf("write the environment file: %w", err)
	}
	defer func() { _ = os.Remove(file.Name()) }()
	_, err = file.WriteString(content)
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		return fmt.Errorf("write the environment file: %w", err)
	}
	if err := os.Rename(file.Name(), path); err != nil {
		return fmt.Errorf("write the environment file: %w", err)
	}
	return nil
}
