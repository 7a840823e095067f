// The Login script of Authsignal's guide "Auth0 Native Bridge", rewritten line for line in what it does: it resolves the
// token at the connect host and takes whoever that names. It looks at no state, action, method or identifier. A test
// asks what becomes of that; nothing else may use it.
function login(identifierValue, password, context, callback) {
  const request = require('request');

  const question = {
    url: 'https://us.connect.authsignal.com/get-user',
    auth: { user: configuration.AUTHSIGNAL_SECRET, sendImmediately: true },
    json: { token: password },
  };

  request.post(question, function (err, response, user) {
    if (err) return callback(err);
    if (response.statusCode >= 400) return callback();
    if (user.userId) {
      return callback(null, { email: user.email, email_verified: true, user_id: user.userId.split('|')[1] });
    }
  });
}
