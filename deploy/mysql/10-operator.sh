# Run once by the image, when the data folder is new: the account that docs/mysql.md describes.
docker_process_sql <<SQL
CREATE USER IF NOT EXISTS 'phee_operator'@'%' IDENTIFIED BY '$(cat /run/secrets/database)';
GRANT CREATE USER ON *.* TO 'phee_operator'@'%';
GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, DROP, INDEX, REFERENCES
  ON \`phee\\_%\`.* TO 'phee_operator'@'%' WITH GRANT OPTION;
SQL
