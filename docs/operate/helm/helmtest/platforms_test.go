package helmtest_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"
	"sigs.k8s.io/yaml"

	"nativebridge/adapters"
)

// variable is one of a container.
type variable struct{ Name, Value string }

// platforms read the file of each platform for the variables that it sets. A value that
// the platform takes from elsewhere is "".
var platforms = map[string]func(text []byte) ([]variable, error){
	"cloud-run.yaml": func(text []byte) ([]variable, error) {
		var file struct {
			Spec struct {
				Template struct {
					Spec struct{ Containers []struct{ Env []variable } }
				}
			}
		}
		err := yaml.Unmarshal(text, &file)
		return file.Spec.Template.Spec.Containers[0].Env, err
	},
	"fly.toml": func(text []byte) (all []variable, err error) {
		var file struct{ Env map[string]string }
		_, err = toml.Decode(string(text), &file)
		for name, value := range file.Env {
			all = append(all, variable{name, value})
		}
		for _, secret := range []string{"AUTHSIGNAL_SECRET", "AUTH0_CLIENT_SECRET", "REPLAY_STORE_PASSWORD"} {
			if !strings.Contains(string(text), secret+"=…") {
				err = fmt.Errorf("it does not say how %s is set", secret)
			}
			all = append(all, variable{secret, ""})
		}
		return all, err
	},
	"ecs-task.json": func(text []byte) ([]variable, error) {
		var file struct {
			ContainerDefinitions []struct{ Environment, Secrets []variable }
		}
		err := json.Unmarshal(text, &file)
		return append(file.ContainerDefinitions[0].Environment, file.ContainerDefinitions[0].Secrets...), err
	},
	"lambda.yaml": func(text []byte) (all []variable, err error) {
		var file struct {
			Resources struct {
				NativeBridge struct {
					Properties struct {
						Environment struct{ Variables map[string]string }
					}
				}
			}
		}
		err = yaml.Unmarshal(text, &file)
		for name, value := range file.Resources.NativeBridge.Properties.Environment.Variables {
			if !strings.HasPrefix(name, "AWS_LWA_") {
				all = append(all, variable{name, value})
			}
		}
		return all, err
	},
}

func TestTheBridgeTakesTheEnvironmentOfEachPlatformsFile(t *testing.T) {
	files, err := filepath.Glob("../../platforms/*")
	if err != nil || len(files) != len(platforms) {
		t.Fatalf("the files are %q, %v", files, err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			variables, err := platforms[filepath.Base(file)]([]byte(read(t, file)))
			if err != nil {
				t.Fatal(err)
			}
			environ := map[string]string{}
			for _, v := range variables {
				environ[v.Name] = v.Value
				switch {
				case strings.HasSuffix(v.Name, "_FILE"):
					environ[v.Name] = filepath.Join(t.TempDir(), "secret")
					if err := os.WriteFile(environ[v.Name], []byte("s3cr3t-of-this-test"), 0o400); err != nil {
						t.Fatal(err)
					}
				case v.Value == "":
					environ[v.Name] = "s3cr3t-of-this-test"
				}
			}
			if unknown := adapters.UnknownSettings(environ); len(unknown) > 0 {
				t.Error(unknown)
			}
			config, err := adapters.LoadConfig(environ)
			if err != nil {
				t.Fatal(err)
			}
			if !config.Redis.Chosen() {
				t.Error("used proofs are remembered in the process, and the platform runs several")
			}
		})
	}
}
