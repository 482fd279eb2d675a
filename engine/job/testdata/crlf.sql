/* config
parallelism = 1
*/
CREATE TABLE a WITH (
"connector"=1);
