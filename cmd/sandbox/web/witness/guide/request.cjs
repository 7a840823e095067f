// The part of the deprecated npm package request that the guide's Login script uses.
exports.post = ({ url, auth, json }, callback) => {
  fetch(url, {
    method: 'POST',
    headers: {
      accept: 'application/json',
      authorization: `Basic ${Buffer.from(`${auth.user}:`).toString('base64')}`,
      'content-type': 'application/json',
    },
    body: JSON.stringify(json),
  }).then(
    async (response) => callback(null, { statusCode: response.status }, await response.json()),
    (error) => callback(error),
  );
};
