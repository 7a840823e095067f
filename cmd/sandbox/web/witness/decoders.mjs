// What the mobile SDKs can decode. Swift's Codable and Kotlin's serialization both fail for a member that is missing,
// null or of another type, unless it is declared optional; members that are not declared are ignored.

const optional = (shape) => ({ optional: shape });

const credential = { id: 'string', type: 'string' };
const added = { isVerified: 'boolean', accessToken: 'string', userAuthenticatorId: optional('string') };
const error = { error: 'string', errorCode: 'string', errorDescription: optional('string') };

const common = {
  'authentication-options': { challengeId: 'string', options: { challenge: 'string', rpId: 'string', allowCredentials: [credential] } },
  challenge: { challengeId: 'string', nonce: optional('string') },
  verify: {
    isVerified: 'boolean', accessToken: optional('string'), userId: optional('string'), userAuthenticatorId: optional('string'),
    username: optional('string'), userDisplayName: optional('string'),
  },
  'add-passkey': added, // accessToken may be missing, but iOS then takes the sign-up for failed
  'find-passkey': { credentialId: 'string', verifiedAt: 'string' },
  authenticators: [{
    userAuthenticatorId: optional('string'), verificationMethod: optional('string'),
    webauthnCredential: optional({ credentialId: 'string' }),
  }],
  error, // Android cannot do without error, iOS not without errorCode
};

const shapes = {
  ios: {
    ...common,
    'registration-options': {
      challengeId: 'string',
      options: {
        challenge: 'string', rp: { id: 'string' }, user: { id: 'string', name: 'string', displayName: 'string' },
        excludeCredentials: [credential],
      },
    },
  },
  android: {
    ...common,
    'registration-options': {
      challengeId: 'string',
      options: {
        challenge: 'string', rp: { id: 'string', name: 'string' }, user: { id: 'string', name: 'string', displayName: 'string' },
        timeout: 'integer', pubKeyCredParams: [{ alg: 'integer', type: 'string' }], attestation: 'string',
        excludeCredentials: [credential],
        authenticatorSelection: {
          authenticatorAttachment: optional('string'), requireResidentKey: 'boolean', residentKey: 'string', userVerification: 'string',
        },
      },
    },
  },
};

// decode returns the answer to a recorded request if the SDK, "ios" or "android", could decode it.
export function decode(sdk, request, answer) {
  const name = request.replace(/-without-action$/, '');
  check(shapes[sdk][name], answer, `${sdk} ${name}`);
  return answer;
}

function check(shape, value, path) {
  if (shape.optional) {
    if (value !== undefined && value !== null) check(shape.optional, value, path);
  } else if (Array.isArray(shape)) {
    if (!Array.isArray(value)) throw new Error(`cannot decode ${path}: no array`);
    value.forEach((item, i) => check(shape[0], item, `${path}[${i}]`));
  } else if (typeof shape === 'object') {
    if (typeof value !== 'object' || value === null) throw new Error(`cannot decode ${path}: no object`);
    for (const [member, inner] of Object.entries(shape)) check(inner, value[member], `${path}.${member}`);
  } else if (shape === 'integer' ? !Number.isInteger(value) : typeof value !== shape) {
    throw new Error(`cannot decode ${path}: ${JSON.stringify(value)} is no ${shape}`);
  }
}
