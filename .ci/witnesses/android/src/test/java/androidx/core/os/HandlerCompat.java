package androidx.core.os;

import android.os.Handler;
import android.os.Looper;

public final class HandlerCompat {
	public static Handler createAsync(Looper looper) {
		return Handler.createAsync(looper);
	}
}
