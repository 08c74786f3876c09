# Zeebe with its Kafka exporter, checked by its hash.
FROM maven:3.9.9-eclipse-temurin-21 AS exporter
RUN mvn -q org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy \
      -Dartifact=io.zeebe:zeebe-kafka-exporter:3.1.1:jar:jar-with-dependencies \
      -DoutputDirectory=/exporter \
    && echo "f48fa2be5984471652dd610704916c586ac66726becee5b5dfe9339c5160c482  /exporter/zeebe-kafka-exporter-3.1.1-jar-with-dependencies.jar" \
       | sha256sum -c -

FROM camunda/zeebe:8.5.8
COPY --from=exporter /exporter/zeebe-kafka-exporter-3.1.1-jar-with-dependencies.jar /usr/local/zeebe/exporters/kafka.jar
