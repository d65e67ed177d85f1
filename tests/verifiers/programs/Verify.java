// Judges servers as JSSE does; see tests/verifiers/stream.py for what it reads and writes.
import java.io.BufferedReader;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.security.cert.CertPathBuilder;
import java.security.cert.Certificate;
import java.security.cert.CertStore;
import java.security.cert.CertificateFactory;
import java.security.cert.CollectionCertStoreParameters;
import java.security.cert.PKIXBuilderParameters;
import java.security.cert.PKIXRevocationChecker;
import java.security.cert.PKIXRevocationChecker.Option;
import java.security.cert.X509CertSelector;
import java.util.Set;
import javax.net.ssl.CertPathTrustManagerParameters;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.TrustManagerFactory;

class Verify {
    private static final int PATIENCE = 10_000;

    public static void main(String[] arguments) throws Exception {
        var lines = new BufferedReader(new InputStreamReader(System.in));
        for (String line; (line = lines.readLine()) != null; ) {
            var field = line.split("\t", -1);
            try {
                greeting(field[1], Integer.parseInt(field[2]), field[3], field[4], field[5], !field[6].isEmpty());
                System.out.println(field[0] + "\taccepted\t");
            } catch (Exception error) {
                System.out.println(field[0] + "\trejected\t" + words(error));
            }
        }
    }

    private static void greeting(String host, int port, String name, String anchors, String crls, boolean stapled)
            throws Exception {
        try (var plain = new Socket()) {
            plain.setSoTimeout(PATIENCE);
            plain.connect(new InetSocketAddress(host, port), PATIENCE);
            var factory = trusting(anchors, crls, stapled).getSocketFactory();
            try (var socket = (SSLSocket) factory.createSocket(plain, name, port, true)) {
                var wanted = new SSLParameters();
                wanted.setEndpointIdentificationAlgorithm("HTTPS");
                socket.setSSLParameters(wanted);
                socket.startHandshake();
                if (socket.getInputStream().read() < 0) {
                    throw new java.io.EOFException("closed");
                }
            }
        }
    }

    private static SSLContext trusting(String anchors, String crls, boolean stapled) throws Exception {
        var store = KeyStore.getInstance(KeyStore.getDefaultType());
        store.load(null, null);
        try (InputStream file = Files.newInputStream(Path.of(anchors))) {
            for (Certificate anchor : CertificateFactory.getInstance("X.509").generateCertificates(file)) {
                store.setCertificateEntry("anchor" + store.size(), anchor);
            }
        }
        var trust = TrustManagerFactory.getInstance("PKIX");
        if (stapled || !crls.isEmpty()) { // nothing but what is there is looked at: no address is ever asked
            var checker = (PKIXRevocationChecker) CertPathBuilder.getInstance("PKIX").getRevocationChecker();
            checker.setOptions(Set.of(stapled ? Option.ONLY_END_ENTITY : Option.PREFER_CRLS, Option.NO_FALLBACK));
            var parameters = new PKIXBuilderParameters(store, new X509CertSelector());
            if (!crls.isEmpty()) {
                try (InputStream file = Files.newInputStream(Path.of(crls))) {
                    var lists = CertificateFactory.getInstance("X.509").generateCRLs(file);
                    var published = new CollectionCertStoreParameters(lists);
                    parameters.addCertStore(CertStore.getInstance("Collection", published));
                }
            }
            parameters.addCertPathChecker(checker);
            trust.init(new CertPathTrustManagerParameters(parameters));
        } else {
            trust.init(store);
        }
        var context = SSLContext.getInstance("TLS");
        context.init(null, trust.getTrustManagers(), null);
        return context;
    }

    private static String words(Throwable error) {
        var all = new StringBuilder();
        for (var cause = error; cause != null; cause = cause.getCause()) {
            all.append(all.isEmpty() ? "" : " | ").append(cause.getMessage());
        }
        return all.toString().replaceAll("\\s+", " ");
    }
}
