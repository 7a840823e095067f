// Preloaded by the tests that run auth0-deploy-cli. It compiles the schema of a whole tenant each time that it imports one,
// and the texts of prompts in all languages are most of that: 20 seconds of CPU. None of our tenants has such texts.
require('auth0-deploy-cli/lib/tools/auth0/handlers/prompts').schema = { type: 'object', maxProperties: 0 };
