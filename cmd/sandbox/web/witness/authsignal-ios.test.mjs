// Authsignal's SDK for iOS, by its recorded requests.
import { witness } from './mobile.mjs';

witness('ios');
