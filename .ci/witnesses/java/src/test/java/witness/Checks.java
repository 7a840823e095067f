package witness;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

import org.junit.platform.engine.TestExecutionResult;
import org.junit.platform.launcher.TestExecutionListener;
import org.junit.platform.launcher.TestIdentifier;
import org.junit.platform.launcher.TestPlan;

/** Adds a line to the file $WITNESSES for each test that held: the kind of software, a tab, and what was checked. */
public final class Checks implements TestExecutionListener {
	private final String file = System.getenv("WITNESSES");
	private TestPlan plan;

	@Override
	public void testPlanExecutionStarted(TestPlan started) {
		plan = started;
	}

	@Override
	public void executionFinished(TestIdentifier test, TestExecutionResult result) {
		if (file == null || !test.isTest() || result.getStatus() != TestExecutionResult.Status.SUCCESSFUL) {
			return;
		}
		try {
			Files.writeString(Path.of(file), kindOf(test) + "\t" + words(test.getDisplayName()) + "\n",
					StandardOpenOption.CREATE, StandardOpenOption.APPEND);
		} catch (IOException e) {
			throw new UncheckedIOException(e);
		}
	}

	/** Is what stands at the test's class, @Kind. */
	private String kindOf(TestIdentifier test) {
		for (TestIdentifier i = test; i != null; i = plan.getParent(i).orElse(null)) {
			String name = i.getLegacyReportingName();
			try {
				Kind kind = Class.forName(name, false, getClass().getClassLoader()).getAnnotation(Kind.class);
				if (kind != null) {
					return kind.value();
				}
			} catch (ClassNotFoundException e) {
				continue; // no class, but a method or an engine
			}
		}
		throw new IllegalStateException("no @Kind at the class of " + test.getDisplayName());
	}

	/** Turns "renewsASession()" into "renews a session"; a name with blanks is a sentence already. */
	private static String words(String name) {
		if (name.contains(" ")) {
			return name;
		}
		return name.replaceAll("\\(.*", "").replaceAll("(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ").toLowerCase();
	}
}
