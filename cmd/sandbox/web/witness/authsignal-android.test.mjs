// Authsignal's SDK for Android, by its recorded requests.
import { witness } from './mobile.mjs';

witness('android');
