package settings

// Distance is distance, for the tests.
var Distance = distance

// LooksLikeCredential is looksLikeCredential, for the tests.
var LooksLikeCredential = looksLikeCredential
