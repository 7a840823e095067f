package auth0;

import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

import com.auth0.android.authentication.storage.Storage;

/** A store of the SDK's in memory. */
final class Memory implements Storage {
	final Map<String, Object> values = new ConcurrentHashMap<>();

	@Override
	public void store(String name, Long value) {
		put(name, value);
	}

	@Override
	public void store(String name, Integer value) {
		put(name, value);
	}

	@Override
	public void store(String name, String value) {
		put(name, value);
	}

	@Override
	public void store(String name, Boolean value) {
		put(name, value);
	}

	@Override
	public Long retrieveLong(String name) {
		return (Long) values.get(name);
	}

	@Override
	public String retrieveString(String name) {
		return (String) values.get(name);
	}

	@Override
	public Integer retrieveInteger(String name) {
		return (Integer) values.get(name);
	}

	@Override
	public Boolean retrieveBoolean(String name) {
		return (Boolean) values.get(name);
	}

	@Override
	public void remove(String name) {
		values.remove(name);
	}

	private void put(String name, Object value) {
		if (value == null) {
			values.remove(name);
		} else {
			values.put(name, value);
		}
	}
}
