-- Events that were made from holds because the gateway that served the call was declared lost (protocols C4), as they were sent: should its disk
-- come back, its own event of the same id says what is to be added to them. Few, and kept as long as ids are.
create table events_of_lost (
    id   uuid primary key,
    body text not null
);
