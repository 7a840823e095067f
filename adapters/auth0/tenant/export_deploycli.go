package tenant

import (
	"encoding/json"
	"path"
	"strings"
	"unicode"
)

// deployCLI returns the files as auth0-deploy-cli writes a directory, so that its own
// export of the tenant finds the same files.
func (w whole) deployCLI() Export {
	export := Export{Supplied: w.supplied(func(name string) string { return name })}
	addText := func(text string, at ...string) {
		export.Files = append(export.Files, ExportedFile{path.Join(at...), text})
	}
	add := func(o object, at ...string) { addText(o.indented(), at...) }
	name := fileName(w.choices.Application)

	add(w.application, "clients", name+".json")
	if w.api != nil {
		add(w.api, "resource-servers", fileName(w.api.text("name"))+".json")
		export.ByHand = w.apiByHand("resource-servers")
	}
	if w.connection != nil {
		folder := path.Join("database-connections", fileName(w.config.Connection))
		connection := w.connection.put(loginScript, "./login.js")
		add(connection.put("enabled_clients", []any{w.choices.Application}), folder, "database.json")
		addText(w.connection.text(loginScript), folder, "login.js")
		return export
	}
	code := path.Join("actions", name, "code.js")
	add(w.action.put("code", "./"+code).put("deployed", true), "actions", name+".json")
	addText(w.action.text("code"), code)
	add(w.profile.put("action", w.choices.Application), "token-exchange-profiles", name+".json")
	export.ByHand = append(export.ByHand, w.usersByHand("enabled_clients of that connection, in database-connections or connections")...)
	return export
}

// fileName returns what deploy-cli calls the file of an object with the name (its
// function sanitize).
func fileName(name string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune(`/?<>\:*|"`, r) || unicode.IsControl(r) {
			return '-'
		}
		return r
	}, name)
}

// indented returns the object as people read it. Its values are JSON by nature.
func (o object) indented() string {
	var text strings.Builder
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	_ = encoder.Encode(o) // nothing in it can fail, and a Builder never does
	return text.String()
}
